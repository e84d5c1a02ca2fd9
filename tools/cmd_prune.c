#include "agent/ship/retention.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"

static status print(const struct cli *cli, const struct retention_result *r, bool dry_run, err *e)
{
    char size[OUTPUT_TEXT];
    if (cli->json) {
        OWNED(json) json_t *o = json_object();
        jsonout_set(&o, "dry_run", json_boolean(dry_run));
        jsonout_set(&o, "pruned", jsonout_count(r->pruned));
        jsonout_set(&o, "kept", jsonout_count(r->kept));
        jsonout_set(&o, "bytes", jsonout_count(r->freed));
        jsonout_set(&o, "first_seq", jsonout_count(r->first_seq));
        jsonout_set(&o, "waiting_for", jsonout_text(r->waiting));
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    }
    (void)printf("%zu snapshot%s %s (%s), %zu kept: seq %llu and later can be restored\n", r->pruned,
                 r->pruned == 1 ? "" : "s", dry_run ? "would be pruned" : "pruned",
                 output_size(r->freed, size), r->kept, (unsigned long long)r->first_seq);
    if (r->waiting != NULL)
        (void)printf("more could go, but vault %s does not have it yet: pgstrand ship %s\n", r->waiting,
                     r->waiting);
    return DONE;
}

status cmd_prune(struct cli *cli, err *e)
{
    bool dry_run = false;
    const char *vault = NULL;
    struct option_number fulls = {0};
    const struct option_spec specs[] = {
        {"dry-run", OPTION_FLAG, &dry_run, NULL, "say what would go, change nothing"},
        {"fulls", OPTION_NUMBER, &fulls, "N",
         "keep the newest N FULLs instead of what the configuration says"},
        {"vault", OPTION_TEXT, &vault, "NAME", "this node's chain in a vault instead of the own one"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(retention_result) struct retention_result r = {0};

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    if (fulls.given && (fulls.value < 1 || fulls.value > 10000))
        return err_set(e, ERR_USAGE, "--fulls wants a number from 1 to 10000");
    TRY(cli_open(cli, &d, e));
    const struct retention_rule asked = {fulls.given ? (uint64_t)fulls.value : 0, 0};
    const struct retention_rule *rule = fulls.given ? &asked : NULL;
    if (rule == NULL && d->config->retention_fulls == 0 && d->config->retention_age == 0)
        return err_set(e, ERR_VALIDATION,
                       "everything is kept: set fulls or age under [retention] in %s, or give --fulls N",
                       d->conf);
    if (vault != NULL)
        TRY(retention_vault(d, vault, rule, dry_run, &cli->progress, &r, e));
    else
        TRY(retention_own(d, rule, dry_run, &cli->progress, &r, e));
    return print(cli, &r, dry_run, e);
}
