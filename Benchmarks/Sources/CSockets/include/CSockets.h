#pragma once
#include <stddef.h>
#include <stdint.h>

// Non-blocking TCP connections on loopback.

// Begins to connect to a port on 127.0.0.1, from an address of its own for each 20,000 connections; -1 with errno set on failure.
int sockets_connect(uint16_t port, int number);
// 0 when the connection is made, else its error number.
int sockets_error(int descriptor);
// Bytes taken; 0 when it would block; -1 when the connection is broken.
int64_t sockets_send(int descriptor, const void *bytes, size_t count);
// Bytes read; 0 when there is nothing now; -1 at the end or when the connection is broken.
int64_t sockets_receive(int descriptor, void *bytes, size_t count);
// Ends it at once, without waiting for what is under way.
void sockets_close(int descriptor);
