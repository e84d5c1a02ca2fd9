#include "agent/daemon/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address;
static socklen_t address_len;
static int64_t watchdog_ms;

static void read_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *usec = getenv("WATCHDOG_USEC");
    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return;
    watchdog_ms = (int64_t)(strtoull(usec, NULL, 10) / 2000);
}

void notify_begin(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    read_watchdog();
    /* "@name" is an abstract socket: its first byte on the wire is NUL. */
    if (path != NULL && (path[0] == '/' || path[0] == '@') && strlen(path) < sizeof address.sun_path) {
        const size_t len = strlen(path);
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path, path, len);
        if (path[0] == '@')
            address.sun_path[0] = '\0';
        address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_send(const char *format, ...)
{
    char text[512];
    if (address_len == 0)
        return;
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    const size_t size = len < (int)sizeof text ? (size_t)len : sizeof text - 1;
    (void)sendto(fd, text, size, MSG_NOSIGNAL, (const struct sockaddr *)&address, address_len);
    (void)close(fd);
}

int64_t notify_watchdog_ms(void)
{
    return watchdog_ms;
}
