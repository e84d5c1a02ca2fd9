#include "agent/pg/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 4096 /* bytes of stderr that are kept: its beginning */
#define PIECE 65536    /* bytes read at once */

extern char **environ;

struct pipes {
    int out[2];
    int err[2];
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void pipes_fini(struct pipes *p)
{
    close_one(&p->out[0]);
    close_one(&p->out[1]);
    close_one(&p->err[0]);
    close_one(&p->err[1]);
}
OWN_VALUE(pipes, pipes_fini);

/* Our environment and one more entry; the entries are borrowed. */
static char **environment_with(char *extra)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **all = calloc(count + 2, sizeof *all);
    if (all == NULL)
        return NULL;
    size_t used = 0;
    const char *equals = extra != NULL ? strchr(extra, '=') : NULL;
    for (size_t i = 0; i < count; i++)
        if (equals == NULL || strncmp(environ[i], extra, (size_t)(equals - extra) + 1) != 0)
            all[used++] = environ[i];
    if (extra != NULL)
        all[used++] = extra;
    return all;
}

static int spawn(const char *const *argv, const char *extra, const struct pipes *p, pid_t *pid)
{
    union { /* posix_spawn takes the strings without const and does not write them */
        const char *const *given;
        char *const *wanted;
    } arguments = {.given = argv};
    OWNED(text) char *entry = extra != NULL ? strdup(extra) : NULL;
    OWNED(memory) char **environment = environment_with(entry);
    if (environment == NULL || (extra != NULL && entry == NULL))
        return ENOMEM;
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0)
        return code;
    /* The pipes are O_CLOEXEC; dup2 makes the child's copies without it. */
    code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, p->out[1], 1);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, p->err[1], 2);
    if (code == 0)
        code = posix_spawn(pid, argv[0], &actions, NULL, arguments.wanted, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

/* Reads once from `fd` into `to` (past `limit` bytes it is thrown away); closes it at its end. */
static status drain(int *fd, struct buf *to, size_t limit, err *e)
{
    static const size_t piece = PIECE;
    uint8_t *room = buf_room(to, piece);
    if (room == NULL)
        return err_no_memory(e);
    ssize_t n = read(*fd, room, piece);
    if (n < 0)
        return errno == EINTR ? DONE : err_errno(e, errno, "cannot read from a program");
    if (n == 0)
        close_one(fd);
    else if (to->len + (size_t)n <= limit)
        to->len += (size_t)n;
    return DONE;
}

static status collect(struct pipes *p, struct buf *out, struct buf *words, err *e)
{
    while (p->out[0] >= 0 || p->err[0] >= 0) {
        struct pollfd fds[] = {{p->out[0], POLLIN, 0}, {p->err[0], POLLIN, 0}};
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_errno(e, errno, "cannot wait for a program");
        }
        if (fds[0].revents != 0)
            TRY(drain(&p->out[0], out, SIZE_MAX, e));
        if (fds[1].revents != 0)
            TRY(drain(&p->err[0], words, WORDS_MAX, e));
    }
    return DONE;
}

static status verdict(const char *name, int how, struct buf *words, err *e)
{
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return DONE;
    const char *slash = strrchr(name, '/');
    name = slash != NULL ? slash + 1 : name;
    while (words->len > 0 && words->data[words->len - 1] == '\n')
        words->len--;
    for (size_t i = 0; i < words->len; i++)
        if (words->data[i] == '\n')
            words->data[i] = ' ';
    if (WIFSIGNALED(how))
        return err_set(e, ERR_SCHEMA, "%s was ended by signal %d: %s", name, WTERMSIG(how),
                       buf_cstring(words));
    if (WIFEXITED(how) && WEXITSTATUS(how) == 127 && words->len == 0)
        return err_set(e, ERR_STORAGE, "%s could not be started", name);
    return err_set(e, ERR_SCHEMA, "%s failed: %s", name,
                   words->len > 0 ? buf_cstring(words) : "it does not say why");
}

status program_run(const char *const *argv, const char *extra, struct buf *out, err *e)
{
    OWNED(pipes) struct pipes p = {{-1, -1}, {-1, -1}};
    OWNED(buf) struct buf words = {0};
    if (pipe2(p.out, O_CLOEXEC) != 0 || pipe2(p.err, O_CLOEXEC) != 0)
        return err_errno(e, errno, "cannot make a pipe for %s", argv[0]);
    pid_t pid = -1;
    int code = spawn(argv, extra, &p, &pid);
    if (code != 0)
        return err_errno(e, code, "cannot start %s", argv[0]);
    close_one(&p.out[1]);
    close_one(&p.err[1]);
    status s = collect(&p, out, &words, e);
    pipes_fini(&p); /* a child that still writes then ends with EPIPE */
    int how = 0;
    while (waitpid(pid, &how, 0) < 0)
        if (errno != EINTR)
            return err_errno(e, errno, "cannot wait for %s", argv[0]);
    TRY(s);
    return verdict(argv[0], how, &words, e);
}
