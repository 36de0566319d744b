#ifndef CPROCESS_H
#define CPROCESS_H

#include <stddef.h>
#include <stdint.h>

/// Bytes that the program has allocated and not freed, large blocks included.
size_t cprocess_allocated(void);

/// Processor time that the program has used, in nanoseconds. Waiting for a busy machine does not count.
int64_t cprocess_cpu_time(void);

#endif
