#include "CSockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int sockets_connect(uint16_t port, int number) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int on = 1;
    // Without it the port of the connection is taken at bind, whoever it connects to.
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(0x7f020001u + (uint32_t)(number / 20000));
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) {
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS) return descriptor;
    }
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int sockets_error(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

int64_t sockets_send(int descriptor, const void *bytes, size_t count) {
    ssize_t done = send(descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done >= 0) return done;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

int64_t sockets_receive(int descriptor, void *bytes, size_t count) {
    ssize_t got = recv(descriptor, bytes, count, MSG_DONTWAIT);
    if (got > 0) return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

void sockets_close(int descriptor) {
    // Ports of thousands of connections would wait for a minute otherwise.
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(descriptor);
}
