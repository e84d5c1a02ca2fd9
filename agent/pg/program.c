#include "agent/pg/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 4096 /* bytes of stderr that are kept: its beginning */
#define PIECE 65536    /* bytes read at once */
#define TICK_MS 20     /* between two looks whether it has ended */
#define MERCY_MS 2000  /* between SIGTERM and SIGKILL */

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

static bool names_same(const char *a, const char *b)
{
    const char *equals = strchr(b, '=');
    return equals != NULL && strncmp(a, b, (size_t)(equals - b) + 1) == 0;
}

/* Our environment and more entries, which take the place of ours; all are borrowed. */
static char **environment_with(char *const *extra, size_t extras)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **all = calloc(count + extras + 1, sizeof(*all));
    if (all == NULL)
        return NULL;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        bool replaced = false;
        for (size_t k = 0; k < extras; k++)
            replaced = replaced || names_same(environ[i], extra[k]);
        if (!replaced)
            all[used++] = environ[i];
    }
    for (size_t k = 0; k < extras; k++)
        all[used++] = extra[k];
    return all;
}

/* posix_spawn takes strings without const and does not write them. */
union strings {
    const char *const *given;
    char *const *wanted;
};

enum family { FAMILY_OURS, FAMILY_OWN };

static int spawn_as(const char *file, union strings arguments, char *const *environment, enum family family,
                    posix_spawn_file_actions_t *actions, pid_t *pid)
{
    posix_spawnattr_t attributes;
    int code = posix_spawnattr_init(&attributes);
    if (code != 0)
        return code;
    if (family == FAMILY_OWN)
        code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (code == 0)
        code = posix_spawnp(pid, file, actions, &attributes, arguments.wanted, environment);
    (void)posix_spawnattr_destroy(&attributes);
    return code;
}

static int spawn(const char *const *argv, const char *const *extra, enum family family, const struct pipes *p,
                 pid_t *pid)
{
    const union strings arguments = {.given = argv}, entries = {.given = extra};
    size_t extras = 0;
    while (extra[extras] != NULL)
        extras++;
    OWNED(memory) char **environment = environment_with(entries.wanted, extras);
    if (environment == NULL)
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
        code = spawn_as(argv[0], arguments, environment, family, &actions, pid);
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

static status begin(const char *const *argv, const char *const *extra, enum family family, struct pipes *p,
                    pid_t *pid, err *e)
{
    if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->err, O_CLOEXEC) != 0)
        return err_errno(e, errno, "cannot make a pipe for %s", argv[0]);
    int code = spawn(argv, extra, family, p, pid);
    if (code != 0)
        return err_errno(e, code, "cannot start %s", argv[0]);
    close_one(&p->out[1]);
    close_one(&p->err[1]);
    return DONE;
}

static status wait_for(pid_t pid, const char *name, int *how, err *e)
{
    while (waitpid(pid, how, 0) < 0)
        if (errno != EINTR)
            return err_errno(e, errno, "cannot wait for %s", name);
    return DONE;
}

status program_run(const char *const *argv, const char *extra, struct buf *out, err *e)
{
    OWNED(pipes) struct pipes p = {{-1, -1}, {-1, -1}};
    OWNED(buf) struct buf words = {0};
    const char *const more[] = {extra, NULL};
    pid_t pid = -1;
    int how = 0;
    TRY(begin(argv, more, FAMILY_OURS, &p, &pid, e));
    status s = collect(&p, out, &words, e);
    pipes_fini(&p); /* a child that still writes then ends with EPIPE */
    TRY(wait_for(pid, argv[0], &how, e));
    TRY(s);
    return verdict(argv[0], how, &words, e);
}

/* ---- with a time limit ---- */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What is there by now. */
static status sip(struct pipes *p, int patience_ms, struct buf *out, struct buf *words, err *e)
{
    struct pollfd fds[] = {{p->out[0], POLLIN, 0}, {p->err[0], POLLIN, 0}};
    if (poll(fds, 2, patience_ms) < 0)
        return errno == EINTR ? DONE : err_errno(e, errno, "cannot wait for a program");
    if (fds[0].revents != 0)
        TRY(drain(&p->out[0], out, SIZE_MAX, e));
    if (fds[1].revents != 0)
        TRY(drain(&p->err[0], words, WORDS_MAX, e));
    return DONE;
}

static bool has_ended(pid_t pid, int *how)
{
    return waitpid(pid, how, WNOHANG) == pid;
}

static void end_group(pid_t pid)
{
    const struct timespec tick = {0, TICK_MS * 1000000L};
    int how = 0;
    (void)kill(-pid, SIGTERM);
    for (int waited = 0; waited < MERCY_MS && !has_ended(pid, &how); waited += TICK_MS)
        (void)nanosleep(&tick, NULL);
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, &how, 0); /* fails when it was waited for above */
}

status program_run_for(const struct program *program, struct buf *out, err *e)
{
    OWNED(pipes) struct pipes p = {{-1, -1}, {-1, -1}};
    OWNED(buf) struct buf words = {0};
    const char *name = program->argv[0];
    const int64_t until = now_ms() + (int64_t)program->timeout_ms;
    pid_t pid = -1;
    int how = 0;
    TRY(begin(program->argv, program->extra, FAMILY_OWN, &p, &pid, e));
    while (!has_ended(pid, &how)) {
        if (now_ms() >= until) {
            end_group(pid);
            return err_set(e, ERR_TIMEOUT, "%s did not end within %g s", name,
                           (double)program->timeout_ms / 1000);
        }
        if (!sip(&p, TICK_MS, out, &words, e).ok) {
            end_group(pid);
            return FAILED;
        }
    }
    while (p.out[0] >= 0 || p.err[0] >= 0) { /* what it wrote last */
        const size_t before = out->len + words.len;
        TRY(sip(&p, 0, out, &words, e));
        if (out->len + words.len == before)
            break;
    }
    return verdict(name, how, &words, e);
}
