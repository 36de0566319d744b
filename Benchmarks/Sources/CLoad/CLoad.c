#include "CLoad.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_SIZE = 1 << 18, IDLE_LIMIT = 18000, STALL_SECONDS = 20 };

struct client {
    int fd;
    int number;
    int is_subscriber;
    uint8_t *input;  // INPUT_SIZE bytes, what is not a whole packet yet
    int filled;
    uint8_t *output;  // what the socket has not taken yet
    int begin, end, capacity;
    uint32_t sequence;     // of the next message
    uint32_t *last_heard;  // by publisher: the sequence that must come next
};

struct load {
    const struct load_options *options;
    struct load_result *result;
    struct client *clients;
    int count;
    int epoll;
    uint64_t acknowledged;
};

enum { FINE, CONNECT_FAILED, CONNECT_REFUSED, SUBSCRIBE_REFUSED, BROKEN, CLOSED, STALLED, TOO_MANY };

const char *load_error(int error) {
    static const char *const texts[] = {
        "nothing",
        "cannot connect",
        "CONNECT was refused",
        "SUBSCRIBE was refused",
        "a connection broke",
        "the broker closed a connection",
        "nothing arrives any more",
        "too many idle clients",
    };
    return texts[error];
}

static char user[64], password[64];

void load_account(const char *new_user, const char *new_password) {
    snprintf(user, sizeof user, "%s", new_user);
    snprintf(password, sizeof password, "%s", new_password);
}

void load_line_output(void) { setvbuf(stdout, 0, _IOLBF, 0); }

uint16_t load_free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(0x7F000001);
    socklen_t size = sizeof address;
    int is_bound = bind(fd, (struct sockaddr *)&address, size) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    close(fd);
    return is_bound ? ntohs(address.sin_port) : 0;
}

double load_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// ---- Connecting

static int connect_to(uint16_t port, int number) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // No TIME_WAIT on this side: otherwise the ports run out over many runs.
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7F000001 + (uint32_t)(number / 5000));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    bind(fd, (struct sockaddr *)&source, sizeof source);
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(port)};
    target.sin_addr.s_addr = htonl(0x7F000001);
    if (connect(fd, (struct sockaddr *)&target, sizeof target) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int put_text(uint8_t *to, const char *text) {
    size_t length = strlen(text);
    to[0] = (uint8_t)(length >> 8);
    to[1] = (uint8_t)length;
    memcpy(to + 2, text, length);
    return (int)length + 2;
}

static int read_exactly(int fd, uint8_t *to, int count) {
    for (int have = 0; have < count;) {
        ssize_t got = recv(fd, to + have, (size_t)(count - have), 0);
        if (got <= 0) return 0;
        have += (int)got;
    }
    return 1;
}

// CONNECT and its answer, on a blocking socket.
static int greet(int fd, const char *id) {
    uint8_t packet[256] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 0xC2, 0, 0};
    int size = 12;
    size += put_text(packet + size, id);
    size += put_text(packet + size, user);
    size += put_text(packet + size, password);
    packet[1] = (uint8_t)(size - 2);
    uint8_t answer[4];
    return send(fd, packet, (size_t)size, MSG_NOSIGNAL) == size && read_exactly(fd, answer, 4) && answer[0] == 0x20 && answer[3] == 0;
}

static int subscribe(int fd, const char *filter, int qos) {
    uint8_t packet[128] = {0x82, 0, 0, 1};
    int size = 4 + put_text(packet + 4, filter);
    packet[size++] = (uint8_t)qos;
    packet[1] = (uint8_t)(size - 2);
    uint8_t answer[5];
    return send(fd, packet, (size_t)size, MSG_NOSIGNAL) == size && read_exactly(fd, answer, 5) && answer[0] == 0x90 && answer[4] == qos;
}

static void topic_of(const struct load *load, int number, char *topic) {
    if (load->options->pattern == LOAD_PAIRS) sprintf(topic, "bench/device/%03d/telemetry", number);
    else sprintf(topic, "bench/device/all/telemetry");
}

static int open_clients(struct load *load) {
    const struct load_options *options = load->options;
    for (int index = 0; index < load->count; index++) {
        struct client *client = &load->clients[index];
        client->is_subscriber = index < options->subscribers;
        client->number = client->is_subscriber ? index : index - options->subscribers;
        client->input = malloc(INPUT_SIZE);
        client->capacity = 1 << 16;
        client->output = malloc((size_t)client->capacity);
        client->last_heard = calloc((size_t)options->publishers, sizeof(uint32_t));
        char id[64], topic[64];
        sprintf(id, "%s-%d-%d", client->is_subscriber ? "sub" : "pub", getpid(), client->number);
        topic_of(load, client->number, topic);
        client->fd = connect_to(options->port, index);
        if (client->fd < 0) return CONNECT_FAILED;
        if (!greet(client->fd, id)) return CONNECT_REFUSED;
        if (client->is_subscriber && !subscribe(client->fd, topic, options->qos)) return SUBSCRIBE_REFUSED;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event);
    }
    return 0;
}

static void close_clients(struct load *load) {
    for (int index = 0; index < load->count; index++) {
        struct client *client = &load->clients[index];
        if (client->fd > 0) {
            static const uint8_t disconnect[] = {0xE0, 0};
            if (load->result->error == 0) send(client->fd, disconnect, 2, MSG_NOSIGNAL | MSG_DONTWAIT);
            shutdown(client->fd, SHUT_WR);
            close(client->fd);
        }
        free(client->input);
        free(client->output);
        free(client->last_heard);
    }
}

// ---- Writing

static void flush_output(struct client *client) {
    while (client->begin < client->end) {
        ssize_t done = send(client->fd, client->output + client->begin, (size_t)(client->end - client->begin), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done <= 0) return;
        client->begin += (int)done;
    }
    client->begin = client->end = 0;
}

static uint8_t *room(struct client *client, int size) {
    if (client->end + size > client->capacity) {
        client->capacity = (client->end + size) * 2;
        client->output = realloc(client->output, (size_t)client->capacity);
    }
    uint8_t *at = client->output + client->end;
    client->end += size;
    return at;
}

static int put_remaining(uint8_t *to, int length) {
    int size = 0;
    do {
        uint8_t digit = length & 0x7F;
        length >>= 7;
        to[size++] = digit | (length > 0 ? 0x80 : 0);
    } while (length > 0);
    return size;
}

static void append_publish(struct load *load, struct client *client, const char *topic, int topic_length) {
    const struct load_options *options = load->options;
    int remaining = 2 + topic_length + (options->qos > 0 ? 2 : 0) + options->payload;
    uint8_t head[5];
    int head_size = 1 + put_remaining(head + 1, remaining);
    head[0] = (uint8_t)(0x30 | options->qos << 1);
    uint8_t *at = room(client, head_size + remaining);
    memcpy(at, head, (size_t)head_size);
    at += head_size;
    at[0] = 0;
    at[1] = (uint8_t)topic_length;
    memcpy(at + 2, topic, (size_t)topic_length);
    at += 2 + topic_length;
    if (options->qos > 0) {
        uint16_t id = (uint16_t)(client->sequence % 65535 + 1);
        *at++ = (uint8_t)(id >> 8);
        *at++ = (uint8_t)id;
    }
    uint32_t number = (uint32_t)client->number;
    memcpy(at, &number, 4);
    memcpy(at + 4, &client->sequence, 4);
    memset(at + 8, (int)(client->sequence & 0x7F), (size_t)options->payload - 8);
    client->sequence++;
    load->result->sent++;
}

// ---- Reading

static void heard(struct load *load, struct client *client, const uint8_t *packet, const uint8_t *body, int length) {
    int qos = packet[0] >> 1 & 3;
    int topic_length = body[0] << 8 | body[1];
    const uint8_t *at = body + 2 + topic_length;
    if (qos > 0) {
        uint8_t *acknowledgement = room(client, 4);
        acknowledgement[0] = 0x40;
        acknowledgement[1] = 2;
        acknowledgement[2] = at[0];
        acknowledgement[3] = at[1];
        at += 2;
    }
    int payload = length - (int)(at - body);
    uint32_t number = UINT32_MAX, sequence = 0;
    if (payload == load->options->payload) {
        memcpy(&number, at, 4);
        memcpy(&sequence, at + 4, 4);
    }
    int is_right = qos == load->options->qos && number < (uint32_t)load->options->publishers && sequence == client->last_heard[number] &&
                   at[payload - 1] == (payload > 8 ? (uint8_t)(sequence & 0x7F) : at[payload - 1]);
    if (is_right) client->last_heard[number]++;
    else load->result->misplaced++;
    load->result->delivered++;
}

static int receive(struct load *load, struct client *client) {
    ssize_t got = recv(client->fd, client->input + client->filled, (size_t)(INPUT_SIZE - client->filled), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN ? FINE : BROKEN;
    if (got == 0) return CLOSED;
    client->filled += (int)got;
    int at = 0;
    for (;;) {
        int left = client->filled - at, length = 0, head = 1, shift = 0;
        if (left < 2) break;
        while (head < left && head < 5) {
            uint8_t digit = client->input[at + head++];
            length |= (digit & 0x7F) << shift;
            shift += 7;
            if (digit < 0x80) {
                shift = -1;
                break;
            }
        }
        if (shift != -1 || left < head + length) break;
        uint8_t *packet = client->input + at;
        if (packet[0] >> 4 == 3) heard(load, client, packet, packet + head, length);
        else if (packet[0] >> 4 == 4) load->acknowledged++;
        at += head + length;
    }
    memmove(client->input, client->input + at, (size_t)(client->filled - at));
    client->filled -= at;
    flush_output(client);
    return 0;
}

// ---- The run

static int64_t under_way(const struct load *load) {
    uint64_t copies = load->options->pattern == LOAD_PAIRS ? 1 : (uint64_t)load->options->subscribers;
    int64_t waiting = (int64_t)(load->result->sent - load->result->delivered / copies);
    int64_t unacknowledged = load->options->qos > 0 ? (int64_t)(load->result->sent - load->acknowledged) : 0;
    return waiting > unacknowledged ? waiting : unacknowledged;
}

static int exchange(struct load *load) {
    const struct load_options *options = load->options;
    struct client *publishers = load->clients + options->subscribers;
    char topics[128][64];
    int lengths[128];
    for (int number = 0; number < options->publishers; number++) {
        topic_of(load, number, topics[number]);
        lengths[number] = (int)strlen(topics[number]);
    }
    struct epoll_event events[256];
    double begin = load_now(), end = begin + options->seconds, last_progress = begin;
    int next = 0;
    for (;;) {
        double now = load_now();
        int is_over = now >= end;
        if (is_over && under_way(load) <= 0) {
            load->result->seconds = now - begin;
            return 0;
        }
        // One round: every publisher writes once, as far as the window allows.
        for (int turn = 0; !is_over && turn < options->publishers && under_way(load) + options->per_write <= options->window; turn++) {
            struct client *client = &publishers[next];
            if (client->begin == client->end) {
                for (int count = 0; count < options->per_write; count++) append_publish(load, client, topics[next], lengths[next]);
            }
            flush_output(client);
            next = (next + 1) % options->publishers;
        }
        int is_full = is_over || under_way(load) + options->per_write > options->window;
        int ready = epoll_wait(load->epoll, events, 256, is_full && !options->is_awake ? 100 : 0);
        for (int index = 0; index < ready; index++) {
            int error = receive(load, &load->clients[events[index].data.u32]);
            if (error) return error;
        }
        if (ready > 0) last_progress = now;
        else if (now - last_progress > STALL_SECONDS) return STALLED;
        if (is_full && ready == 0) {
            for (int index = 0; index < load->count; index++) flush_output(&load->clients[index]);
        }
    }
}

void load_run(const struct load_options *options, struct load_result *result) {
    struct load load = {.options = options, .result = result, .count = options->subscribers + options->publishers};
    memset(result, 0, sizeof *result);
    load.clients = calloc((size_t)load.count, sizeof(struct client));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    result->error = open_clients(&load);
    if (result->error == 0) result->error = exchange(&load);
    result->expected = result->sent * (options->pattern == LOAD_PAIRS ? 1 : (uint64_t)options->subscribers);
    close_clients(&load);
    close(load.epoll);
    free(load.clients);
}

// ---- Idle clients

static int idle[IDLE_LIMIT];
static int idle_count;

int load_idle_begin(uint16_t port, int first, int count) {
    for (int number = first; number < first + count; number++) {
        if (idle_count == IDLE_LIMIT) return TOO_MANY;
        int fd = connect_to(port, number);
        if (fd < 0) return CONNECT_FAILED;
        idle[idle_count++] = fd;
        char id[32];
        sprintf(id, "idle-%05d", number);
        if (!greet(fd, id)) return CONNECT_REFUSED;
    }
    return 0;
}

void load_idle_end(void) {
    while (idle_count > 0) close(idle[--idle_count]);
}

// ---- What a process uses

void load_pin(int pid, int processor) {
    char path[64];
    sprintf(path, "/proc/%d/task", pid == 0 ? getpid() : pid);
    DIR *folder = opendir(path);
    if (!folder) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (processor >= 0) CPU_SET(processor, &set);
    else for (int number = 0; number < (int)sysconf(_SC_NPROCESSORS_CONF); number++) CPU_SET(number, &set);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        int thread = atoi(entry->d_name);
        sched_setaffinity(thread, sizeof set, &set);
        // Round-robin: a broker that spins does not keep the clients from noticing it.
        struct sched_param real_time = {.sched_priority = 1}, usual = {0};
        if (processor < 0) sched_setscheduler(thread, SCHED_OTHER, &usual);
        else if (sched_setscheduler(thread, SCHED_RR, &real_time) != 0) sched_setscheduler(thread, SCHED_BATCH, &usual);
    }
    closedir(folder);
}

uint64_t load_cpu(int pid) {
    char path[320];
    sprintf(path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (!folder) return 0;
    uint64_t total = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "r");
        unsigned long long time = 0;
        if (file) {
            if (fscanf(file, "%llu", &time) == 1) total += time;
            fclose(file);
        }
    }
    closedir(folder);
    return total;
}

uint64_t load_memory(int pid) {
    char path[64];
    sprintf(path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    unsigned long long size = 0, resident = 0;
    if (file) {
        if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
