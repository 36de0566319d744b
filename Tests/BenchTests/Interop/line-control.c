/* Answers for a serial port what a pseudo terminal behind a mocked /dev cannot.
 *
 * umockdev gives the programs that run in its machine a /dev of its own, and knows nothing of serial ports: it refuses their requests
 * (ENOTTY), and programs such as ModemManager then refuse the port. A pseudo terminal does some of what they ask for, as to be opened by one
 * program alone; of wires such as DTR and CTS, and of UARTs, it knows nothing. Loaded before umockdev's own library:
 *
 *     cc -shared -fPIC -o line-control.so line-control.c
 *     LD_PRELOAD="line-control.so $LD_PRELOAD" ModemManager ...
 */
#define _GNU_SOURCE
#include <asm/ioctls.h>
#include <dlfcn.h>
#include <linux/serial.h>
#include <linux/termios.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int (*request_function)(int, unsigned long, ...);

/* The wires of a port whose other side is there and ready. */
static const int wires = TIOCM_DTR | TIOCM_RTS | TIOCM_CTS | TIOCM_DSR | TIOCM_CAR;

/* Pseudo terminals do these themselves. */
static int is_for_kernel(unsigned long request)
{
    switch (request) {
    case TIOCEXCL: case TIOCNXCL: case TCFLSH: case TIOCINQ: case TIOCOUTQ: case TCSBRK: case TCSBRKP: case TCXONC:
    case TCGETS2: case TCSETS2: case TCSETSW2: case TCSETSF2:
        return 1;
    default:
        return 0;
    }
}

/* Asks the kernel and not umockdev, whose library has functions of the C library's names. */
static int is_terminal(int descriptor)
{
    struct termios settings;
    return syscall(SYS_ioctl, descriptor, TCGETS, &settings) == 0;
}

int ioctl(int descriptor, unsigned long request, ...)
{
    static request_function next;
    va_list rest;
    void *argument;

    va_start(rest, request);
    argument = va_arg(rest, void *);
    va_end(rest);

    if (is_for_kernel(request))
        return (int)syscall(SYS_ioctl, descriptor, request, argument);

    switch (request) {
    case TIOCMGET:
        if (!is_terminal(descriptor)) break;
        *(int *)argument = wires;
        return 0;
    case TIOCMSET: case TIOCMBIS: case TIOCMBIC: case TIOCSSERIAL:
        if (!is_terminal(descriptor)) break;
        return 0;
    case TIOCGSERIAL:
        if (!is_terminal(descriptor)) break;
        memset(argument, 0, sizeof(struct serial_struct));
        return 0;
    }
    if (!next) next = (request_function)dlsym(RTLD_NEXT, "ioctl");
    return next(descriptor, request, argument);
}
