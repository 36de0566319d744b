/* Serial settings as POSIX has them, for ports that do not know termios2: rates are those that have a name. */
#define _GNU_SOURCE
#include "termios_posix.h"

#include <errno.h>
#include <termios.h>

#include "line_flags.h"

static const struct { uint32_t baud; speed_t name; } rates[] = {
    {50, B50}, {75, B75}, {110, B110}, {134, B134}, {150, B150}, {200, B200}, {300, B300}, {600, B600}, {1200, B1200}, {1800, B1800},
    {2400, B2400}, {4800, B4800}, {9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200}, {230400, B230400},
    {460800, B460800}, {500000, B500000}, {576000, B576000}, {921600, B921600}, {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
};

static int rate_name(uint32_t baud, speed_t *name) {
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (rates[i].baud != baud) continue;
        *name = rates[i].name;
        return 0;
    }
    errno = EINVAL;
    return -1;
}

int posix_serial_set(int fd, uint32_t baud, int data_bits, char parity, int stop_bits, int flow) {
    struct termios settings;
    speed_t name;
    if (rate_name(baud, &name) < 0 || tcgetattr(fd, &settings) < 0) return -1;
    settings.c_iflag = IGNPAR;
    settings.c_oflag = 0;
    settings.c_lflag = 0;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (set_line_flags(&settings.c_cflag, &settings.c_iflag, data_bits, parity, stop_bits, flow) < 0) return -1;
    cfsetispeed(&settings, name);
    cfsetospeed(&settings, name);
    return tcsetattr(fd, TCSANOW, &settings);
}

int posix_serial_get(int fd, uint32_t *baud, int *data_bits, char *parity, int *stop_bits) {
    struct termios settings;
    if (tcgetattr(fd, &settings) < 0) return -1;
    speed_t name = cfgetospeed(&settings);
    *baud = 0;
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) if (rates[i].name == name) *baud = rates[i].baud;
    get_line_flags(settings.c_cflag, data_bits, parity, stop_bits);
    return 0;
}
