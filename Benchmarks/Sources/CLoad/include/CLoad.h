#pragma once
#include <stdint.h>

// MQTT 3.1.1 clients on raw sockets and one epoll: as little work of their own as possible, so that what is measured is the broker.

enum load_pattern {
    // Every subscriber hears every publisher.
    LOAD_ALL_TO_ALL,
    // Subscriber n hears publisher n.
    LOAD_PAIRS,
};

struct load_options {
    uint16_t port;  // on 127.0.0.1
    enum load_pattern pattern;
    int publishers;
    int subscribers;
    int qos;  // 0 or 1
    // Messages that one write carries, 1 to 64.
    int per_write;
    // Messages that are under way at most, over all publishers; 1 is lockstep.
    int window;
    // The clients do not sleep while they wait: then the time that it takes to wake them is not measured.
    int is_awake;
    int payload;     // bytes, at least 8
    double seconds;  // for how long is published
};

struct load_result {
    uint64_t sent;
    uint64_t expected;   // deliveries
    uint64_t delivered;
    uint64_t misplaced;  // deliveries out of order or altered
    double seconds;      // from the first publish to the last delivery
    int error;           // 0 or a number for load_error
};

// The user name and password of all clients that follow, up to 63 bytes each.
void load_account(const char *user, const char *password);

// Connects, subscribes, publishes for the time, waits for what is under way, and disconnects.
void load_run(const struct load_options *options, struct load_result *result);

// Opens idle clients with the numbers from first on; returns 0 or a number for load_error. They stay open until load_idle_end.
int load_idle_begin(uint16_t port, int first, int count);
void load_idle_end(void);

// Nanoseconds of processor time of all threads of a process, and its resident memory in bytes; 0 if it is gone.
uint64_t load_cpu(int pid);
uint64_t load_memory(int pid);
double load_now(void);

// Keeps all threads of a process, 0 for this one, on one processor, or lets them use all again with -1. Two such processes do not
// interrupt one another when they wake, and where the system grants it (CAP_SYS_NICE) no other process interrupts them.
void load_pin(int pid, int processor);

// What went wrong, in words.
const char *load_error(int error);
// A port on 127.0.0.1 that is free now; 0 if there is none.
uint16_t load_free_port(void);
// Lines of the standard output appear as they come, also in a pipe.
void load_line_output(void);
