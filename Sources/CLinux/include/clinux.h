/* What Glibc's module in Swift does not show: epoll, pseudo terminals, serial settings of Linux. */
#ifndef CLINUX_H
#define CLINUX_H
#endif
