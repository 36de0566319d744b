/* What Glibc's module in Swift does not show: epoll, eventfd, pseudo terminals, serial settings of Linux. */
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>

/* epoll(7). All return -1 with errno on failure. */
struct clinux_ready {
    uint64_t token;
    uint32_t events;
};

enum { CLINUX_READABLE = 1, CLINUX_WRITABLE = 2, CLINUX_HANGUP = 4, CLINUX_ERROR = 8 };

int clinux_epoll_create(void);
/* interest: CLINUX_READABLE | CLINUX_WRITABLE; hang-up and error are always told. */
int clinux_epoll_add(int epoll, int fd, uint32_t interest, uint64_t token);
int clinux_epoll_modify(int epoll, int fd, uint32_t interest, uint64_t token);
int clinux_epoll_remove(int epoll, int fd);
/* Waits at most nanoseconds, for ever where it is negative; gives the number of entries. An interrupted wait gives 0. */
int clinux_epoll_wait(int epoll, struct clinux_ready *ready, int count, int64_t nanoseconds);

/* From now on the system notes when each byte of a socket has come (SO_TIMESTAMPNS, socket(7)). */
int clinux_stamp_arrivals(int fd);
/* recv(2) that also tells when the last of these bytes came, in nanoseconds of the wall clock since 1970; 0 where the system does not say. */
int64_t clinux_receive_stamped(int fd, void *bytes, size_t count, int64_t *arrived);

/* eventfd(2), non-blocking. */
int clinux_eventfd(void);
void clinux_eventfd_signal(int fd);
void clinux_eventfd_clear(int fd);

/* timerfd(2) on the monotonic clock, non-blocking; first and then every so many nanoseconds, 0 for once. */
int clinux_timerfd(int64_t first, int64_t interval);
void clinux_timerfd_clear(int fd);

/* A peer that goes away while something is written to it is an error then, and no end of the process. */
void clinux_ignore_broken_pipes(void);

/* A pipe, reading end first, both closed on exec and above the standard streams; -1 with errno on failure. */
int clinux_pipe(int ends[2]);

enum { CLINUX_STREAM_NULL = -1, CLINUX_STREAM_INHERITED = -2 };

/* Starts a program, searched in PATH unless it has a slash, in its own process group: no signal blocked or ignored, no descriptor but
   the standard streams, each a descriptor of this process or one of the constants above. folder and environment may be NULL: this
   process's. Gives 0 or the error's number. */
int clinux_spawn(int *process, const char *program, char *const *arguments, char *const *environment, const char *folder, const int *streams);

/* A descriptor that stands for a process, readable when that has ended (pidfd_open(2)), closed on exec; -1 with errno on failure. */
int clinux_process_open(int process);
/* Sends a signal to the process that the descriptor stands for; -1 with errno ESRCH once it has been waited for. */
int clinux_process_signal(int fd, int signal);

/* The two numbers that the next descriptors of this process get, unless another thread is faster; -1 on failure. */
int clinux_next_descriptors(int *first, int *second);
/* If what is written to one end of this pair of local sockets waits unread at the other: lets only a little more wait.
   1 if it was such a pair, 0 if not. */
int clinux_limit_unread(int reading, int writing);

/* A pseudo terminal, both ends raw, non-blocking and closed on exec. name holds at least 64 bytes. */
int clinux_pty_open(int *master, int *slave, char *name);

/* Serial settings (termios2): data bits 5 to 8, parity 'N' 'E' 'O' 'M' 'S', stop bits 1 or 2, flow 0 none, 1 RTS/CTS, 2 XON/XOFF. Raw, HUPCL off. */
int clinux_serial_set(int fd, uint32_t baud, int data_bits, char parity, int stop_bits, int flow);
/* What is set now; on the master of a pseudo terminal, what its client has set. */
int clinux_serial_get(int fd, uint32_t *baud, int *data_bits, char *parity, int *stop_bits);

/* Makes name a symbolic link to target, in place of a link that is there; EEXIST where something else is there. */
int clinux_link(const char *target, const char *name);

/* Removes name if it is a link to target; leaves it where it is something else. */
int clinux_unlink(const char *target, const char *name);

/* Exclusive use for all but root (TIOCEXCL), and a lock that root respects too (flock). */
int clinux_serial_claim(int fd);
/* Gives both back; a terminal that somebody else keeps open stays exclusive until this is said. */
void clinux_serial_release(int fd);
int clinux_serial_is_exclusive(int fd);

/* Modem lines; -1 with ENOTTY where the port has none. */
enum { CLINUX_DTR = 1, CLINUX_RTS = 2, CLINUX_CTS = 4, CLINUX_DSR = 8, CLINUX_DCD = 16, CLINUX_RI = 32 };
int clinux_modem_get(int fd);
int clinux_modem_set(int fd, int lines, int on);
int clinux_break(int fd, int on);
int clinux_discard(int fd);
int clinux_discard_input(int fd);
/* Bytes that were written and are not out; -1 with ENOTTY where the port does not tell. */
int clinux_unsent(int fd);

/* Locks a file for this descriptor alone (flock), without waiting; -1 with errno EWOULDBLOCK where another has it. */
int clinux_lock(int fd);
void clinux_unlock(int fd);
/* Whether another descriptor, of this process or another, keeps it locked; also where that cannot be told. */
int clinux_is_locked(int fd);

/* As many descriptors as the process may have, where it was given fewer to begin with. */
void clinux_raise_descriptor_limit(void);

/* From here on this thread has a table of descriptors of its own, with the standard streams and nothing else, so that the limit of the
   process counts for what it opens alone; it closes with the thread. Nothing changes where the system does not allow it (before Linux 5.9). */
void clinux_own_descriptors(void);

/* The waits of this thread end when they are due, not up to 50 us later. */
void clinux_precise_timers(void);

/* Blocks this thread until that moment of CLOCK_MONOTONIC, ns, however many signals come meanwhile. */
void clinux_wait_until(int64_t moment);

#endif
