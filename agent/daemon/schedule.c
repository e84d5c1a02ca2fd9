#include "agent/daemon/schedule.h"

void schedule_changed(struct schedule *s, int64_t now)
{
    if (!s->changed)
        s->changed_first = now;
    s->changed = true;
    s->changed_last = now;
}

void schedule_broken(struct schedule *s, int64_t now, bool wide)
{
    if (!s->broken)
        s->broken_first = now;
    s->broken = true;
    s->broken_wide = wide;
    s->broken_last = now;
}

static bool version_is_due(const struct schedule *s, int64_t now)
{
    if (!s->changed || (s->version_retry_ms > 0 && now < s->version_retry_at))
        return false;
    return now - s->changed_last >= SCHEDULE_VERSION_QUIET_MS ||
           now - s->changed_first >= SCHEDULE_VERSION_QUIET_MAX_MS;
}

static bool quiet_enough(const struct schedule *s, int64_t now)
{
    const int64_t quiet = s->broken_wide ? SCHEDULE_QUIET_MS : SCHEDULE_TABLES_QUIET_MS;
    const int64_t most = s->broken_wide ? SCHEDULE_QUIET_MAX_MS : SCHEDULE_TABLES_QUIET_MAX_MS;
    return now - s->broken_last >= quiet || now - s->broken_first >= most;
}

enum schedule_due schedule_due(const struct schedule *s, int64_t now, uint64_t last_seq, uint64_t log_bytes)
{
    if (version_is_due(s, now))
        return DUE_VERSION;
    const bool base_waits = s->base_retry_ms > 0 && now < s->base_retry_at;
    if (!base_waits && s->broken && quiet_enough(s, now))
        return DUE_FULL;
    if (!base_waits && s->full_ms > 0 && now - s->full_at >= s->full_ms && last_seq > s->full_seq)
        return DUE_NEW_FULL;
    if (last_seq <= s->sealed_seq || (s->retry_ms > 0 && now < s->retry_at))
        return DUE_NOTHING;
    const bool by_time = s->interval_ms > 0 && now - s->sealed_at >= s->interval_ms;
    const bool by_actions = s->actions > 0 && last_seq - s->sealed_seq >= s->actions;
    const bool by_bytes = s->bytes > 0 && log_bytes - s->sealed_bytes >= s->bytes;
    return by_time || by_actions || by_bytes ? DUE_INCREMENTAL : DUE_NOTHING;
}

void schedule_sealed(struct schedule *s, int64_t now, uint64_t seq, uint64_t log_bytes, bool healed)
{
    s->sealed_at = now;
    s->sealed_seq = seq;
    s->sealed_bytes = log_bytes;
    s->retry_ms = 0;
    if (healed) {
        s->broken = false;
        s->base_retry_ms = 0;
    }
}

void schedule_full(struct schedule *s, int64_t now, uint64_t seq)
{
    s->full_at = now;
    s->full_seq = seq;
}

static void back_off(int64_t *pause, int64_t *until, int64_t now)
{
    *pause = *pause == 0 ? SCHEDULE_RETRY_MIN_MS : *pause * 2;
    if (*pause > SCHEDULE_RETRY_MAX_MS)
        *pause = SCHEDULE_RETRY_MAX_MS;
    *until = now + *pause;
}

void schedule_failed(struct schedule *s, int64_t now, bool base)
{
    if (base)
        back_off(&s->base_retry_ms, &s->base_retry_at, now);
    else
        back_off(&s->retry_ms, &s->retry_at, now);
}

void schedule_versioned(struct schedule *s, int64_t now, bool done)
{
    if (done) {
        s->changed = false;
        s->version_retry_ms = 0;
    } else {
        back_off(&s->version_retry_ms, &s->version_retry_at, now);
    }
}

void schedule_pruned(struct schedule *s, int64_t now, bool done)
{
    if (done)
        s->prune_retry_ms = 0;
    else
        back_off(&s->prune_retry_ms, &s->prune_retry_at, now);
}

bool schedule_prune_due(const struct schedule *s, int64_t now)
{
    return s->prune_retry_ms > 0 && now >= s->prune_retry_at;
}
