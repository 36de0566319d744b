#include "CSerial.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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

int64_t serial_processor_time(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

void serial_numbered(int port, int is_answer, uint8_t *bytes, int count) {
    for (int i = 0; i < count; i++) {
        uint32_t word = (uint32_t)(is_answer ? 0x80 | port : port) << 24 | (uint32_t)(i / 4);
        bytes[i] = word >> (24 - 8 * (i % 4));
    }
}

struct wire {
    int fd, sent, received;
    int64_t last;
    uint8_t *question, *answer;
};

static int send_due(struct wire *wire, int total, int rate, int64_t elapsed) {
    int64_t due = elapsed * rate / 1000000000;
    if (due > total) due = total;
    if (due <= wire->sent) return 0;
    ssize_t count = write(wire->fd, wire->question + wire->sent, due - wire->sent);
    if (count < 0) return errno == EAGAIN ? 0 : errno;
    wire->sent += count;
    return 0;
}

static int receive(struct wire *wire, int total, struct serial_carried *carried) {
    uint8_t bytes[4096];
    ssize_t count = read(wire->fd, bytes, sizeof bytes);
    if (count <= 0) return count < 0 ? errno : EIO;
    int64_t now = serial_now();
    if (now - wire->last > carried->longest_pause) carried->longest_pause = now - wire->last;
    wire->last = now;
    for (ssize_t i = 0; i < count; i++, wire->received++) {
        if (wire->received >= total || bytes[i] != wire->answer[wire->received]) carried->wrong++;
    }
    carried->received += count;
    return 0;
}

static int carry(struct wire *wires, int count, int total, int rate, int64_t patience, struct serial_carried *carried) {
    struct epoll_event ready[64];
    int epoll = epoll_create1(EPOLL_CLOEXEC), error = 0;
    if (epoll < 0) return errno;
    int64_t start = serial_now(), used = serial_processor_time(), next = start;
    for (int i = 0; i < count; i++) {
        wires[i].last = start;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, wires[i].fd, &event) < 0) error = errno;
    }
    for (int64_t tick = 0, now = start; !error && now - start < patience; now = serial_now()) {
        if (now >= next) {
            int is_done = carried->received >= (int64_t)count * total;
            for (int i = 0; i < count && !error; i++) {
                if (i % 5 == tick % 5) error = send_due(&wires[i], total, rate, now - start);
                is_done = is_done && wires[i].sent == total;
            }
            if (is_done) break;
            tick++;
            next += 1000000;
            if (next < now) next = now;
        }
        int64_t left = next - now;
        struct timespec wait = {0, left};
        int events = epoll_pwait2(epoll, ready, 64, &wait, NULL);
        for (int i = 0; i < events && !error; i++) error = receive(&wires[ready[i].data.u32], total, carried);
    }
    carried->elapsed = serial_now() - start;
    carried->used = serial_processor_time() - used;
    close(epoll);
    return error;
}

int serial_carry(const char *folder, int count, int total, int rate, int64_t patience, struct serial_carried *carried) {
    struct wire *wires = calloc(count, sizeof *wires);
    memset(carried, 0, sizeof *carried);
    if (!wires) return ENOMEM;
    int error = 0;
    for (int i = 0; i < count; i++) wires[i].fd = -1;
    for (int i = 0; i < count && !error; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/port-%d", folder, i);
        wires[i].fd = serial_open(path);
        wires[i].question = malloc(total);
        wires[i].answer = malloc(total);
        if (wires[i].fd < 0 || fcntl(wires[i].fd, F_SETFL, O_NONBLOCK) < 0) error = errno;
        if (!wires[i].question || !wires[i].answer) error = ENOMEM;
        if (error) break;
        serial_numbered(i, 0, wires[i].question, total);
        serial_numbered(i, 1, wires[i].answer, total);
    }
    if (!error) error = carry(wires, count, total, rate, patience, carried);
    for (int i = 0; i < count; i++) {
        if (wires[i].fd >= 0) close(wires[i].fd);
        free(wires[i].question);
        free(wires[i].answer);
    }
    free(wires);
    return error;
}
