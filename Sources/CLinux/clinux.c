#define _GNU_SOURCE
#include "clinux.h"
#include "termios_posix.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "line_flags.h"

/* <termios.h> and <asm/termbits.h> exclude each other; these are declared by hand. */
extern int grantpt(int);
extern int unlockpt(int);
extern int ptsname_r(int, char *, size_t);

static uint32_t to_epoll(uint32_t interest) {
    return (interest & CLINUX_READABLE ? EPOLLIN : 0) | (interest & CLINUX_WRITABLE ? EPOLLOUT : 0);
}

static uint32_t from_epoll(uint32_t events) {
    return (events & EPOLLIN ? CLINUX_READABLE : 0) | (events & EPOLLOUT ? CLINUX_WRITABLE : 0)
        | (events & (EPOLLHUP | EPOLLRDHUP) ? CLINUX_HANGUP : 0) | (events & EPOLLERR ? CLINUX_ERROR : 0);
}

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int epoll, int operation, int fd, uint32_t interest, uint64_t token) {
    struct epoll_event event = {.events = to_epoll(interest), .data.u64 = token};
    return epoll_ctl(epoll, operation, fd, &event);
}

int clinux_epoll_add(int epoll, int fd, uint32_t interest, uint64_t token) { return control(epoll, EPOLL_CTL_ADD, fd, interest, token); }
int clinux_epoll_modify(int epoll, int fd, uint32_t interest, uint64_t token) { return control(epoll, EPOLL_CTL_MOD, fd, interest, token); }
int clinux_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int clinux_epoll_wait(int epoll, struct clinux_ready *ready, int count, int64_t nanoseconds) {
    struct epoll_event events[256];
    if (count > 256) count = 256;
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int found = epoll_pwait2(epoll, events, count, nanoseconds < 0 ? NULL : &time, NULL);
    if (found < 0) return errno == EINTR ? 0 : -1;
    for (int i = 0; i < found; i++) {
        ready[i].token = events[i].data.u64;
        ready[i].events = from_epoll(events[i].events);
    }
    return found;
}

int clinux_stamp_arrivals(int fd) {
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

int64_t clinux_receive_stamped(int fd, void *bytes, size_t count, int64_t *arrived) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    union { struct cmsghdr aligned; char bytes[CMSG_SPACE(sizeof(struct timespec))]; } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *arrived = 0;
    ssize_t received = recvmsg(fd, &message, 0);
    if (received <= 0) return received;
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(&message); entry; entry = CMSG_NXTHDR(&message, entry)) {
        if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec time;
        memcpy(&time, CMSG_DATA(entry), sizeof time);
        *arrived = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
    return received;
}

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void clinux_eventfd_signal(int fd) {
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the other side is awake anyway. */
    if (write(fd, &one, sizeof one) < 0) return;
}

void clinux_eventfd_clear(int fd) {
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0) return;
}

int clinux_timerfd(int64_t first, int64_t interval) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return -1;
    /* A first time of 0 would switch it off. */
    if (first <= 0) first = 1;
    struct itimerspec time = {
        .it_value = {.tv_sec = first / 1000000000, .tv_nsec = first % 1000000000},
        .it_interval = {.tv_sec = interval / 1000000000, .tv_nsec = interval % 1000000000},
    };
    if (timerfd_settime(fd, 0, &time, NULL) == 0) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

void clinux_timerfd_clear(int fd) {
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0) return;
}

void clinux_ignore_broken_pipes(void) {
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) < 0 || action.sa_handler != SIG_DFL) return;
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

int clinux_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    for (int i = 0; i < 2; i++) {
        if (ends[i] > STDERR_FILENO) continue;
        /* This process was started without a standard stream. A child's own would be put in the place of the pipe. */
        int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1), reason = errno;
        close(ends[i]);
        ends[i] = moved;
        if (moved >= 0) continue;
        close(ends[1 - i]);
        errno = reason;
        return -1;
    }
    return 0;
}

static int plan_streams(posix_spawn_file_actions_t *actions, const int *streams) {
    int failure = 0;
    for (int i = 0; i < 3 && failure == 0; i++) {
        if (streams[i] == CLINUX_STREAM_INHERITED) continue;
        failure = streams[i] == CLINUX_STREAM_NULL
            ? posix_spawn_file_actions_addopen(actions, i, "/dev/null", i == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0)
            : posix_spawn_file_actions_adddup2(actions, streams[i], i);
    }
    return failure != 0 ? failure : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

int clinux_spawn(int *process, const char *program, char *const *arguments, char *const *environment, const char *folder, const int *streams) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) goto no_attributes;
    failure = plan_streams(&actions, streams);
    if (failure == 0 && folder) failure = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (failure != 0) goto done;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    failure = posix_spawnp(process, program, &actions, &attributes, arguments, environment ? environment : environ);
done:
    posix_spawnattr_destroy(&attributes);
no_attributes:
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

int clinux_process_open(int process) { return pidfd_open(process, 0); }
int clinux_process_signal(int fd, int signal) { return pidfd_send_signal(fd, signal, NULL, 0); }

int clinux_next_descriptors(int *first, int *second) {
    *first = fcntl(0, F_DUPFD_CLOEXEC, 0);
    if (*first < 0) *first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (*first < 0) return -1;
    *second = fcntl(*first, F_DUPFD_CLOEXEC, 0);
    close(*first);
    if (*second < 0) return -1;
    close(*second);
    return 0;
}

static int is_local_socket(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

int clinux_limit_unread(int reading, int writing) {
    int unread = 0, least = 0;
    if (!is_local_socket(reading) || !is_local_socket(writing)) return 0;
    if (ioctl(reading, FIONREAD, &unread) < 0 || unread < 1 || clinux_unsent(writing) < 1) return 0;
    /* The system makes it as large as it must be. */
    return setsockopt(writing, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0;
}

static int make_raw(struct termios2 *settings) {
    settings->c_iflag = IGNPAR;
    settings->c_oflag = 0;
    settings->c_lflag = 0;
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
    return 0;
}

int clinux_pty_open(int *master, int *slave, char *name) {
    int ends[2] = {-1, -1};
    ends[0] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (ends[0] < 0) return -1;
    struct termios2 settings;
    if (grantpt(ends[0]) < 0 || unlockpt(ends[0]) < 0 || ptsname_r(ends[0], name, 64) != 0) goto failed;
    ends[1] = ioctl(ends[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] < 0 || ioctl(ends[1], TCGETS2, &settings) < 0) goto failed;
    make_raw(&settings);
    if (ioctl(ends[1], TCSETS2, &settings) < 0) goto failed;
    *master = ends[0];
    *slave = ends[1];
    return 0;
failed:;
    int reason = errno;
    if (ends[1] >= 0) close(ends[1]);
    close(ends[0]);
    errno = reason;
    return -1;
}

int clinux_serial_set(int fd, uint32_t baud, int data_bits, char parity, int stop_bits, int flow) {
    struct termios2 settings;
    if (ioctl(fd, TCGETS2, &settings) < 0) {
        /* What stands in for a port, such as a mocked one, may know the settings of POSIX alone. */
        return errno == ENOTTY ? posix_serial_set(fd, baud, data_bits, parity, stop_bits, flow) : -1;
    }
    make_raw(&settings);
    if (set_line_flags(&settings.c_cflag, &settings.c_iflag, data_bits, parity, stop_bits, flow) < 0) return -1;
    settings.c_cflag &= ~(CBAUD | (CBAUD << IBSHIFT));
    settings.c_cflag |= BOTHER | (BOTHER << IBSHIFT);
    settings.c_ispeed = settings.c_ospeed = baud;
    return ioctl(fd, TCSETS2, &settings);
}

int clinux_serial_get(int fd, uint32_t *baud, int *data_bits, char *parity, int *stop_bits) {
    struct termios2 settings;
    if (ioctl(fd, TCGETS2, &settings) < 0) return errno == ENOTTY ? posix_serial_get(fd, baud, data_bits, parity, stop_bits) : -1;
    *baud = settings.c_ospeed;
    get_line_flags(settings.c_cflag, data_bits, parity, stop_bits);
    return 0;
}

int clinux_link(const char *target, const char *name) {
    struct stat there;
    if (lstat(name, &there) == 0 && !S_ISLNK(there.st_mode)) { errno = EEXIST; return -1; }
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.%d.new", name, (int)getpid()) >= (int)sizeof beside) { errno = ENAMETOOLONG; return -1; }
    /* Moved over the old one, so that there is never a moment without it. */
    if (symlink(target, beside) < 0) return -1;
    if (rename(beside, name) == 0) return 0;
    int reason = errno;
    unlink(beside);
    errno = reason;
    return -1;
}

int clinux_unlink(const char *target, const char *name) {
    char found[4096];
    ssize_t size = readlink(name, found, sizeof found - 1);
    if (size < 0) return -1;
    found[size] = 0;
    return strcmp(found, target) == 0 ? unlink(name) : 0;
}

int clinux_serial_claim(int fd) {
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK) errno = EBUSY;
        return -1;
    }
    /* Ports that do not know it, such as mocked ones, are held by the lock alone. */
    if (ioctl(fd, TIOCEXCL) < 0 && errno != ENOTTY) return -1;
    return 0;
}

void clinux_serial_release(int fd) {
    ioctl(fd, TIOCNXCL);
    /* Not left to close: a child that is just being started has the descriptor too, until it runs its program. */
    flock(fd, LOCK_UN);
}

int clinux_serial_is_exclusive(int fd) {
    int is_exclusive = 0;
    return ioctl(fd, TIOCGEXCL, &is_exclusive) < 0 ? -1 : is_exclusive;
}

static const struct { int ours, theirs; } lines[] = {
    {CLINUX_DTR, TIOCM_DTR}, {CLINUX_RTS, TIOCM_RTS}, {CLINUX_CTS, TIOCM_CTS},
    {CLINUX_DSR, TIOCM_DSR}, {CLINUX_DCD, TIOCM_CAR}, {CLINUX_RI, TIOCM_RNG},
};

int clinux_modem_get(int fd) {
    int theirs = 0, ours = 0;
    if (ioctl(fd, TIOCMGET, &theirs) < 0) return -1;
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) if (theirs & lines[i].theirs) ours |= lines[i].ours;
    return ours;
}

int clinux_modem_set(int fd, int ours, int on) {
    int theirs = 0;
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) if (ours & lines[i].ours) theirs |= lines[i].theirs;
    return ioctl(fd, on ? TIOCMBIS : TIOCMBIC, &theirs);
}

int clinux_break(int fd, int on) { return ioctl(fd, on ? TIOCSBRK : TIOCCBRK); }
int clinux_discard(int fd) { return ioctl(fd, TCFLSH, 2 /* TCIOFLUSH */); }
int clinux_discard_input(int fd) {
    if (ioctl(fd, TCFLSH, 0 /* TCIFLUSH */) == 0) return 0;
    if (errno != ENOTTY) return -1;
    /* Ports that do not know it, such as mocked ones: what waits there is read and forgotten. Not for ever, where more comes than is read. */
    char waiting[4096];
    for (int turn = 0; turn < 256; turn++) {
        ssize_t count = read(fd, waiting, sizeof waiting);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
    }
    return 0;
}

int clinux_unsent(int fd) {
    int count = 0;
    return ioctl(fd, TIOCOUTQ, &count) < 0 ? -1 : count;
}

int clinux_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }
void clinux_unlock(int fd) { flock(fd, LOCK_UN); }

int clinux_is_locked(int fd) {
    if (flock(fd, LOCK_SH | LOCK_NB) < 0) return 1;
    flock(fd, LOCK_UN);
    return 0;
}

void clinux_precise_timers(void) { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

void clinux_wait_until(int64_t moment) {
    struct timespec time = {.tv_sec = moment / 1000000000, .tv_nsec = moment % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

void clinux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void clinux_own_descriptors(void) {
    /* Unshared and closed in one step: a copy of a socket that others close meanwhile would keep it open. */
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE);
}
