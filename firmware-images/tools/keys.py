#!/usr/bin/env python3
"""Makes the test keys that are not there yet. Their private halves are public: whoever trusts them trusts everybody.

usage: keys.py FOLDER      (Python with the package `cryptography`, which imgtool brings along)
"""
import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

folder = pathlib.Path(sys.argv[1])
# Valid at the beginning of virtual time, 2026-01-01, and long after it.
FROM = datetime.datetime(2025, 1, 1)
TO = datetime.datetime(2049, 12, 31)


def save(name: str, key) -> None:
    (folder / f"{name}.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / f"{name}.pub.pem").write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def load(name: str, make):
    path = folder / f"{name}.pem"
    if not path.exists():
        save(name, make())
    return serialization.load_pem_private_key(path.read_bytes(), None)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lab test keys, trust nothing"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(path: str, subject: str, key, issuer: str, issuer_key, authority: bool) -> None:
    file = folder / path
    if file.exists():
        return
    builder = (
        x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(FROM).not_valid_after(TO)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(
            digital_signature=not authority, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
            key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    file.write_bytes(builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def p256():
    return ec.generate_private_key(ec.SECP256R1())


load("test-image-ed25519", ed25519.Ed25519PrivateKey.generate)
load("test-stranger-ed25519", ed25519.Ed25519PrivateKey.generate)
load("test-esp-rsa3072", lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072))
authority = load("test-rauc-authority", p256)
certificate("test-rauc-authority.cert.pem", "lab test authority for bundles", authority, "lab test authority for bundles", authority, True)
signer = load("test-rauc-signer", p256)
certificate("test-rauc-signer.cert.pem", "lab test signer of bundles", signer, "lab test authority for bundles", authority, False)
