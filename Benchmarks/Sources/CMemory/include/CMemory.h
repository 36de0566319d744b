#ifndef CMEMORY_H
#define CMEMORY_H

#include <stddef.h>

/// Bytes that the program has allocated and not freed, large blocks included.
size_t cmemory_allocated(void);

#endif
