/* Within CLinux: <termios.h> and <asm/termbits.h> exclude each other, so each has a file of its own. */
#ifndef CLINUX_TERMIOS_POSIX_H
#define CLINUX_TERMIOS_POSIX_H

#include <stdint.h>

int posix_serial_set(int fd, uint32_t baud, int data_bits, char parity, int stop_bits, int flow);
int posix_serial_get(int fd, uint32_t *baud, int *data_bits, char *parity, int *stop_bits);

#endif
