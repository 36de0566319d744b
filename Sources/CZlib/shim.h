// What the lab uses of zlib: the streams inside delta images.
#include <zlib.h>
