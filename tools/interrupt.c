#include "tools/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "agent/pg/pgconn.h"

#define GRACE_SECONDS 5 /* to unwind in */

static int wake[2]; /* the handler writes, the watcher reads: what it then does is no work for a handler */
static atomic_bool asked;

static void on_signal(int number)
{
    int saved = errno;
    (void)number;
    if (atomic_exchange(&asked, true))
        _exit(EXIT_INTERRUPTED); /* the second time: at once */
    ssize_t ignored = write(wake[1], "", 1);
    (void)ignored;
    errno = saved;
}

static void *watch(void *unused)
{
    char byte;
    (void)unused;
    while (read(wake[0], &byte, 1) < 0 && errno == EINTR)
        ;
    for (int i = 0; i < GRACE_SECONDS; i++) { /* again and again: there may be a next query */
        pgconn_cancel_all();
        (void)sleep(1);
    }
    static const char line[] = "pgstrand: interrupted\n";
    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    _exit(EXIT_INTERRUPTED);
}

status interrupt_install(err *e)
{
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t watcher;

    if (pipe2(wake, O_CLOEXEC) != 0)
        return err_errno(e, errno, "cannot make a pipe");
    int code = pthread_create(&watcher, NULL, watch, NULL);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    (void)pthread_detach(watcher);
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return err_errno(e, errno, "cannot handle signals");
    return DONE;
}

bool interrupt_asked(void)
{
    return atomic_load(&asked);
}

status interrupt_check(err *e)
{
    return interrupt_asked() ? err_set(e, ERR_INTERRUPTED, "interrupted") : DONE;
}
