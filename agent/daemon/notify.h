/*
 * notify: tells systemd how the service is (sd_notify(3)): one datagram to the socket named in NOTIFY_SOCKET.
 * Without it nothing happens.
 *
 * Threads: any, after notify_begin.
 */
#ifndef PGSTRAND_NOTIFY_H
#define PGSTRAND_NOTIFY_H

#include <stdint.h>

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC and takes them out of the environment. */
void notify_begin(void);

/* "READY=1\nSTATUS=..." as in sd_notify(3). A lost message is not worth an error. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often WATCHDOG=1 is due, in ms: half of what systemd allows; 0: never. */
int64_t notify_watchdog_ms(void);

#endif
