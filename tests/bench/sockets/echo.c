/* The least that a name server does with a socket: takes packets in batches, sets QR, sends them back.
 *
 * What any server answers over sockets is measured against it: nothing that reads and writes the same packets through
 * the same kernel can be faster.
 *
 *     echo ADDRESS PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Larger batches gain nothing measurable. */
#define BATCH 64
/* No query over UDP is larger than an Ethernet frame. */
#define PACKET 1500
/* Octet of the DNS header that holds QR, and the bit. */
#define FLAGS 2
#define QR 0x80

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: echo ADDRESS PORT\n");
        return 2;
    }
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[2]))};
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    if (server < 0 || inet_pton(AF_INET, arguments[1], &here.sin_addr) != 1 ||
        bind(server, (struct sockaddr *)&here, sizeof here) != 0) {
        perror("echo");
        return 1;
    }
    static struct mmsghdr messages[BATCH];
    static struct iovec pieces[BATCH];
    static struct sockaddr_in clients[BATCH];
    static unsigned char packets[BATCH][PACKET];
    for (int i = 0; i < BATCH; i++) {
        pieces[i].iov_base = packets[i];
        messages[i].msg_hdr.msg_name = &clients[i];
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            pieces[i].iov_len = PACKET;
            messages[i].msg_hdr.msg_namelen = sizeof clients[i];
        }
        int received = recvmmsg(server, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < received; i++) {
            packets[i][FLAGS] |= QR;
            pieces[i].iov_len = messages[i].msg_len;
        }
        for (int sent = 0; sent < received;) {
            int some = sendmmsg(server, messages + sent, (unsigned)(received - sent), 0);
            /* A packet that cannot be sent is left out, the others go on. */
            sent += some > 0 ? some : 1;
        }
    }
}
