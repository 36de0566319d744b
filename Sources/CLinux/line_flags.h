/* The bits of a serial line's form: the same names and values in <termios.h> and in <asm/termbits.h>, which cannot be included together.
   Whoever includes this has included one of them. */
#ifndef LINE_FLAGS_H
#define LINE_FLAGS_H

#include <errno.h>

/* Sets data bits, parity, stop bits and flow control; -1 with EINVAL for what no line has. */
static int set_line_flags(tcflag_t *control, tcflag_t *input, int data_bits, char parity, int stop_bits, int flow) {
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    if (data_bits < 5 || data_bits > 8) { errno = EINVAL; return -1; }
    *control &= ~(CSIZE | PARENB | PARODD | CMSPAR | CSTOPB | CRTSCTS | HUPCL);
    *control |= CREAD | CLOCAL | sizes[data_bits - 5];
    switch (parity) {
    case 'N': break;
    case 'E': *control |= PARENB; break;
    case 'O': *control |= PARENB | PARODD; break;
    case 'M': *control |= PARENB | PARODD | CMSPAR; break;
    case 'S': *control |= PARENB | CMSPAR; break;
    default: errno = EINVAL; return -1;
    }
    if (stop_bits == 2) *control |= CSTOPB;
    if (flow == 1) *control |= CRTSCTS;
    if (flow == 2) *input |= IXON | IXOFF;
    return 0;
}

static void get_line_flags(tcflag_t control, int *data_bits, char *parity, int *stop_bits) {
    switch (control & CSIZE) {
    case CS5: *data_bits = 5; break;
    case CS6: *data_bits = 6; break;
    case CS7: *data_bits = 7; break;
    default: *data_bits = 8; break;
    }
    int sticky = (control & CMSPAR) != 0, odd = (control & PARODD) != 0;
    *parity = !(control & PARENB) ? 'N' : sticky ? (odd ? 'M' : 'S') : (odd ? 'O' : 'E');
    *stop_bits = control & CSTOPB ? 2 : 1;
}

#endif
