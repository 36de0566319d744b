// What the lab uses of OpenSSL's libcrypto: CMS signatures of bundles and manifests, X.509, PEM.
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
