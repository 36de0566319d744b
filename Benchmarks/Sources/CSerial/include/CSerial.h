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

// Nanoseconds that this process has spent on processors.
int64_t serial_processor_time(void);

// The bytes that a port sends, or that its device does: words of 32 bits with the port and the number of the word, so that one that is lost, doubled,
// out of order or somebody else's is seen.
void serial_numbered(int port, int is_answer, uint8_t *bytes, int count);

struct serial_carried {
    int64_t received, wrong;
    // Nanoseconds, as all times here: between two reads of a port, of the whole, on processors.
    int64_t longest_pause, elapsed, used;
};

// Opens FOLDER/port-0 and on, sends so many numbered bytes on each at a rate in bytes a second, and takes as many from each; every port sends each 5 ms.
// 0 or an error number; what is missing after so many nanoseconds is missing in `carried`.
int serial_carry(const char *folder, int count, int total, int rate, int64_t patience, struct serial_carried *carried);
