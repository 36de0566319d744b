#pragma once
#include <stdint.h>

// What is measured beside the lab's ports: a terminal, an echo and a client with nothing between them and the system.

// A pseudo terminal, raw, both ends blocking; -1 on failure.
int serial_open_pair(int *master, int *slave);
// A port by its path, raw and blocking; -1 on failure.
int serial_open(const char *path);

// Begins a thread that answers every "AT\r" from the descriptor with "\r\nOK\r\n", until the descriptor ends; 0 or an error number.
int serial_echo(int master);

// Sends "AT\r" and reads the answer, so many times; each time's nanoseconds go to `times`. 0 or an error number.
int serial_round_trips(int port, int count, int64_t *times);
int64_t serial_now(void);
