#include "CSerial.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int make_raw(int fd) {
    struct termios settings;
    if (tcgetattr(fd, &settings) < 0) return -1;
    cfmakeraw(&settings);
    return tcsetattr(fd, TCSANOW, &settings);
}

int serial_open(const char *path) {
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && make_raw(fd) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int serial_open_pair(int *master, int *slave) {
    char path[64];
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0) return -1;
    if (grantpt(*master) == 0 && unlockpt(*master) == 0 && ptsname_r(*master, path, sizeof path) == 0) {
        *slave = serial_open(path);
        if (*slave >= 0) return 0;
    }
    close(*master);
    return -1;
}

static void *echo(void *argument) {
    int fd = (int)(intptr_t)argument;
    char bytes[256];
    for (;;) {
        ssize_t count = read(fd, bytes, sizeof bytes);
        if (count <= 0) return NULL;
        for (ssize_t i = 0; i < count; i++) {
            if (bytes[i] == '\r' && write(fd, "\r\nOK\r\n", 6) != 6) return NULL;
        }
    }
}

int serial_echo(int master) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, echo, (void *)(intptr_t)master);
    if (error == 0) pthread_detach(thread);
    return error;
}

int64_t serial_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int serial_round_trips(int port, int count, int64_t *times) {
    for (int i = 0; i < count; i++) {
        int64_t start = serial_now();
        if (write(port, "AT\r", 3) != 3) return errno;
        char answer[6];
        for (int size = 0; size < 6;) {
            ssize_t got = read(port, answer + size, sizeof answer - size);
            if (got <= 0) return got < 0 ? errno : EIO;
            size += got;
        }
        times[i] = serial_now() - start;
    }
    return 0;
}
