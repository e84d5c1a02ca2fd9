#include "tools/targetoptions.h"

/* A value that cannot be read is the command line's fault. */
static status usage(const char *option, status parsed, err *e)
{
    if (parsed.ok)
        return DONE;
    e->class = ERR_USAGE;
    return err_wrap(e, "%s", option);
}

status targetoptions_parse(const struct target_options *t, struct restore_target *out, err *e)
{
    int given = t->to_seq.given + (t->to_time != NULL) + (t->to_lsn != NULL) + (t->to_snapshot != NULL) +
                (t->to_name != NULL);
    if (given > 1)
        return err_set(e, ERR_USAGE,
                       "more than one target: give one of --to-seq, --to-time, --to-lsn, --to-snapshot, "
                       "--to-name");
    *out = (struct restore_target){.kind = TARGET_LATEST};
    if (t->to_seq.given)
        *out = (struct restore_target){.kind = TARGET_SEQ, .seq = t->to_seq.value};
    if (t->to_snapshot != NULL) {
        uuid checked;
        TRY(usage("--to-snapshot", uuid_parse(t->to_snapshot, &checked, e), e));
        *out = (struct restore_target){.kind = TARGET_SNAPSHOT, .snapshot = t->to_snapshot};
    }
    if (t->to_name != NULL)
        *out = (struct restore_target){.kind = TARGET_NAME, .snapshot = t->to_name};
    if (t->to_time != NULL) {
        out->kind = TARGET_TIME;
        return usage("--to-time", pgtime_parse(t->to_time, &out->time, e), e);
    }
    if (t->to_lsn != NULL) {
        out->kind = TARGET_LSN;
        return usage("--to-lsn", lsn_parse(t->to_lsn, &out->lsn, e), e);
    }
    return DONE;
}
