#include "agent/daemon/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/condwait.h"
#include "agent/daemon/report.h"
#include "proto/base/array.h"

void board_init(struct board *b)
{
    *b = (struct board){0};
    (void)pthread_mutex_init(&b->lock, NULL);
    condwait_init(&b->wake);
}

void board_free_tables(struct board_table *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        relation_free(list[i].shape);
        free(list[i].rule);
    }
    free(list);
}

void board_fini(struct board *b)
{
    free(b->pending_break);
    board_free_tables(b->pending_table, b->table_count);
    (void)pthread_cond_destroy(&b->wake);
    (void)pthread_mutex_destroy(&b->lock);
}

static void on_flushed(void *context, uint64_t last_seq, lsn durable, uint64_t log_bytes)
{
    struct board *b = context;
    (void)pthread_mutex_lock(&b->lock);
    b->facts.last_seq = last_seq;
    b->facts.durable = durable;
    b->facts.log_bytes = log_bytes;
    (void)pthread_mutex_unlock(&b->lock);
}

/* Without memory the last one speaks for this one too. The lock is held. */
static void add_break(struct board *b, uint64_t seq, lsn at, const char *what)
{
    err full = ERR_INIT;
    if (array_room(&b->pending_break, b->break_count, &b->break_cap, sizeof *b->pending_break, &full).ok)
        b->break_count++;
    if (b->break_count == 0)
        return;
    struct board_break *slot = &b->pending_break[b->break_count - 1];
    slot->seq = seq;
    slot->at = at;
    (void)snprintf(slot->what, sizeof slot->what, "%s", what);
}

static void on_schema_changed(void *context, uint64_t seq, lsn at, const char *what)
{
    struct board *b = context;
    (void)pthread_mutex_lock(&b->lock);
    add_break(b, seq, at, what);
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    report_line(REPORT_EVENT, "the schema changed at seq %llu: %s", (unsigned long long)seq, what);
}

void board_put_back(struct board *b, const struct board_break *list, size_t count)
{
    (void)pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < count; i++)
        add_break(b, list[i].seq, list[i].at, list[i].what);
    (void)pthread_mutex_unlock(&b->lock);
}

static void on_table_seen(void *context, const struct relation *shape, const struct table_tier *tier,
                          uint64_t seq)
{
    struct board *b = context;
    struct board_table t = {.tier = tier->tier, .since_seq = seq, .rule = strdup(tier->rule)};
    err ignored = ERR_INIT; /* no memory: it is seen again by the next session */
    const bool copied = t.rule != NULL && relation_copy(shape, &t.shape, &ignored).ok;
    (void)pthread_mutex_lock(&b->lock);
    if (copied &&
        array_room(&b->pending_table, b->table_count, &b->table_cap, sizeof *b->pending_table, &ignored).ok) {
        b->pending_table[b->table_count++] = t;
        t = (struct board_table){0};
    }
    b->facts.tables++;
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    relation_free(t.shape);
    free(t.rule);
    report_line(REPORT_EVENT, "table %s.%s: tier %s (%s)", shape->schema, shape->name, tier_name(tier->tier),
                tier->rule);
}

static void on_connection(void *context, const err *e)
{
    struct board *b = context;
    (void)pthread_mutex_lock(&b->lock);
    const bool news = e == NULL || strcmp(b->facts.problem, e->message) != 0;
    b->facts.connected = e == NULL;
    (void)snprintf(b->facts.problem, sizeof b->facts.problem, "%s", e == NULL ? "" : e->message);
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    if (e == NULL)
        report_line(REPORT_EVENT, "connected, capturing");
    else /* the same reason again and again would fill the journal */
        report_line(news ? REPORT_PROBLEM : REPORT_DETAIL, "%s", e->message);
}

static void on_notice(void *context, const char *line)
{
    (void)context;
    report_line(REPORT_PROBLEM, "%s", line);
}

struct capture_observer board_observer(struct board *b)
{
    return (struct capture_observer){
        .context = b,
        .flushed = on_flushed,
        .schema_changed = on_schema_changed,
        .connection = on_connection,
        .table_seen = on_table_seen,
        .notice = on_notice,
    };
}

void board_facts(struct board *b, struct board_facts *out)
{
    (void)pthread_mutex_lock(&b->lock);
    *out = b->facts;
    (void)pthread_mutex_unlock(&b->lock);
}

size_t board_take_breaks(struct board *b, struct board_break **out)
{
    (void)pthread_mutex_lock(&b->lock);
    const size_t count = b->break_count;
    *out = b->pending_break;
    b->pending_break = NULL;
    b->break_count = 0;
    b->break_cap = 0;
    (void)pthread_mutex_unlock(&b->lock);
    return count;
}

size_t board_take_tables(struct board *b, struct board_table **out)
{
    (void)pthread_mutex_lock(&b->lock);
    const size_t count = b->table_count;
    *out = b->pending_table;
    b->pending_table = NULL;
    b->table_count = 0;
    b->table_cap = 0;
    (void)pthread_mutex_unlock(&b->lock);
    return count;
}

void board_recorded(struct board *b, size_t breaks)
{
    (void)pthread_mutex_lock(&b->lock);
    b->facts.breaks += breaks;
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
}

void board_sealed(struct board *b, uint64_t seq, const char *problem)
{
    (void)pthread_mutex_lock(&b->lock);
    b->facts.sealed_seq = seq;
    (void)snprintf(b->facts.seal_problem, sizeof b->facts.seal_problem, "%s", problem == NULL ? "" : problem);
    (void)pthread_mutex_unlock(&b->lock);
}

void board_near(struct board *b, const char *problem)
{
    (void)pthread_mutex_lock(&b->lock);
    (void)snprintf(b->facts.near, sizeof b->facts.near, "%s", problem);
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
}

void board_lacks(struct board *b, const char *problem)
{
    (void)pthread_mutex_lock(&b->lock);
    (void)snprintf(b->facts.lacks, sizeof b->facts.lacks, "%s", problem);
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
}

bool board_wait(struct board *b, int64_t ms)
{
    const struct timespec until = condwait_deadline(ms);
    (void)pthread_mutex_lock(&b->lock);
    if (!b->stopping)
        (void)condwait_until(&b->wake, &b->lock, &until);
    const bool stopping = b->stopping;
    (void)pthread_mutex_unlock(&b->lock);
    return stopping;
}

void board_heal(struct board *b, const char *what)
{
    (void)pthread_mutex_lock(&b->lock);
    b->healing = what != NULL;
    b->facts.connected = false;
    (void)snprintf(b->facts.problem, sizeof b->facts.problem, "%s", what == NULL ? "" : what);
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
}

bool board_is_busy(struct board *b)
{
    (void)pthread_mutex_lock(&b->lock);
    const bool busy = b->stopping || b->healing;
    (void)pthread_mutex_unlock(&b->lock);
    return busy;
}

void board_stop(struct board *b)
{
    (void)pthread_mutex_lock(&b->lock);
    b->stopping = true;
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
}
