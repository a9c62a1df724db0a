/* Asks for one A RRset again and again and prints when the answer changes, by the kernel's receive timestamps.
 *
 * The time between two queries bounds how finely a change is seen. The first line is the first answer; lines are
 * `TIME ADDRESS,ADDRESS` with nanoseconds of the wall clock, which the server's journal is written by. On SIGTERM or at
 * the end it prints `sent N received N silence NANOSECONDS`, the longest time between two answers.
 *
 *     watch CLIENT SERVER PORT NAME MICROSECONDS SECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PACKET 1500
#define HEADER 12
#define TYPE_A 1
#define CLASS_IN 1
#define SECOND 1000000000LL
/* Addresses of an answer that are told; the zones of the benchmark have fewer. */
#define ADDRESSES 16

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
    (void)signal_number;
    ended = 1;
}

static long long nanoseconds(struct timespec time) { return time.tv_sec * SECOND + time.tv_nsec; }

static size_t question(unsigned char *query, const char *name)
{
    size_t at = HEADER;
    memset(query, 0, HEADER);
    query[5] = 1; /* QDCOUNT */
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        query[at++] = (unsigned char)length;
        memcpy(query + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    query[at++] = 0;
    const unsigned char type_class[4] = {0, TYPE_A, 0, CLASS_IN};
    memcpy(query + at, type_class, sizeof type_class);
    return at + sizeof type_class;
}

/* Past a name that may end in a compression pointer. */
static size_t past_name(const unsigned char *packet, size_t length, size_t at)
{
    while (at < length && packet[at] != 0) {
        if (packet[at] >= 0xc0)
            return at + 2;
        at += packet[at] + 1u;
    }
    return at + 1;
}

static int ascending(const void *left, const void *right) { return memcmp(left, right, 4); }

/* The A records of the answer section in ascending order, which is no part of what an answer says. */
static size_t addresses(const unsigned char *packet, size_t length, size_t at, unsigned char found[][4])
{
    size_t count = 0;
    int records = packet[6] << 8 | packet[7];
    while (records-- > 0 && count < ADDRESSES) {
        at = past_name(packet, length, at);
        if (at + 10 > length)
            break;
        size_t data = (size_t)packet[at + 8] << 8 | packet[at + 9];
        if (packet[at + 1] == TYPE_A && data == 4 && at + 14 <= length)
            memcpy(found[count++], packet + at + 10, 4);
        at += 10 + data;
    }
    qsort(found, count, 4, ascending);
    return count;
}

int main(int count, char **arguments)
{
    if (count != 7) {
        fprintf(stderr, "usage: watch CLIENT SERVER PORT NAME MICROSECONDS SECONDS\n");
        return 2;
    }
    struct sockaddr_in here = {.sin_family = AF_INET};
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[3]))};
    int client = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    if (client < 0 || inet_pton(AF_INET, arguments[1], &here.sin_addr) != 1 ||
        inet_pton(AF_INET, arguments[2], &server.sin_addr) != 1 ||
        bind(client, (struct sockaddr *)&here, sizeof here) != 0 ||
        setsockopt(client, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        connect(client, (struct sockaddr *)&server, sizeof server) != 0) {
        perror("watch");
        return 1;
    }
    /* The generator on the same core must not delay questions; without the right to it the watch is only coarser. */
    struct sched_param urgent = {.sched_priority = 1};
    sched_setscheduler(0, SCHED_FIFO, &urgent);
    signal(SIGTERM, end);
    signal(SIGINT, end);

    unsigned char query[PACKET], packet[PACKET], before[ADDRESSES][4] = {{0}};
    size_t asked = question(query, arguments[4]), known = 0;
    long long gap = atoll(arguments[5]) * 1000, sent = 0, received = 0, silence = 0;
    struct timespec due, start, finish;
    clock_gettime(CLOCK_REALTIME, &start);
    clock_gettime(CLOCK_MONOTONIC, &due);
    long long last = nanoseconds(start), last_due = nanoseconds(due) + atoll(arguments[6]) * SECOND;
    while (!ended && nanoseconds(due) < last_due) {
        query[0] = (unsigned char)(sent >> 8);
        query[1] = (unsigned char)sent;
        sent += send(client, query, asked, 0) > 0;
        long long next = nanoseconds(due) + gap;
        due = (struct timespec){.tv_sec = next / SECOND, .tv_nsec = next % SECOND};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        for (;;) {
            unsigned char control[256] __attribute__((aligned(8))), now[ADDRESSES][4] = {{0}};
            struct iovec piece = {packet, sizeof packet};
            struct msghdr message = {
                .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
            ssize_t length = recvmsg(client, &message, MSG_DONTWAIT);
            if (length < (ssize_t)asked)
                break;
            struct timespec arrived = {0};
            for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
                    memcpy(&arrived, CMSG_DATA(c), sizeof arrived);
            long long at = nanoseconds(arrived);
            received++;
            if (at - last > silence)
                silence = at - last;
            last = at;
            size_t found = addresses(packet, (size_t)length, asked, now);
            if (found == known && memcmp(now, before, sizeof now) == 0)
                continue;
            known = found;
            memcpy(before, now, sizeof now);
            printf("%lld ", at);
            for (size_t i = 0; i < found; i++)
                printf("%s%d.%d.%d.%d", i ? "," : "", now[i][0], now[i][1], now[i][2], now[i][3]);
            printf("\n");
            fflush(stdout);
        }
    }
    clock_gettime(CLOCK_REALTIME, &finish);
    if (nanoseconds(finish) - last > silence)
        silence = nanoseconds(finish) - last;
    printf("sent %lld received %lld silence %lld\n", sent, received, silence);
    return 0;
}
