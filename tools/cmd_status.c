#include "tools/health.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"

static json_t *seconds_json(double seconds)
{
    return seconds < 0 ? json_null() : json_real((double)(int64_t)(seconds * 1000) / 1000);
}

static json_t *problems_json(const struct health *h)
{
    json_t *list = json_array();
    for (size_t i = 0; i < h->problem_count; i++)
        jsonout_append(&list, jsonout_text(h->problem[i]));
    return list;
}

static json_t *lacks_json(const struct health *h)
{
    json_t *list = json_array();
    for (size_t i = 0; i < h->lacks; i++)
        jsonout_append(&list, jsonout_text(h->lack[i]));
    return list;
}

/* A slot's name has no comma. */
static json_t *readers_json(const struct health *h)
{
    json_t *list = json_array();
    for (const char *at = h->readers; at != NULL; at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 2) {
        const size_t len = strcspn(at, ",");
        jsonout_append(&list, jsonout_bytes(bytes_of(at, len)));
    }
    return list;
}

static status print_json(const struct datadir *d, const struct health *h, err *e)
{
    OWNED(json) json_t *o = json_object();
    const struct log_position *at = &h->log.position;
    bool known = h->server_known;
    jsonout_set(&o, "node", jsonout_uuid(&d->identity.node));
    jsonout_set(&o, "device", jsonout_uuid(&d->identity.device));
    jsonout_set(&o, "device_name", jsonout_text(d->identity.device_name));
    jsonout_set(&o, "incarnation", jsonout_uuid(&d->identity.incarnation));
    jsonout_set(&o, "dataset", jsonout_uuid(&d->identity.dataset));
    jsonout_set(&o, "database", jsonout_text(d->identity.database));
    jsonout_set(&o, "seq", h->has_log ? jsonout_count(at->last_seq) : json_null());
    jsonout_set(&o, "durable_lsn", h->has_log ? jsonout_lsn(at->end_lsn) : json_null());
    jsonout_set(&o, "server_lsn", known ? jsonout_lsn(h->server_lsn) : json_null());
    jsonout_set(&o, "lag_bytes", known ? jsonout_count(h->lag_bytes) : json_null());
    jsonout_set(&o, "lag_seconds", known ? seconds_json(h->lag_seconds) : json_null());
    jsonout_set(&o, "slot", known ? jsonout_text(slot_state_name(h->slot.state)) : json_null());
    jsonout_set(&o, "slot_name", jsonout_text(d->identity.slot));
    jsonout_set(&o, "other_readers", known ? readers_json(h) : json_null());
    jsonout_set(&o, "not_captured", known ? lacks_json(h) : json_null());
    jsonout_set(&o, "agent_running",
                h->agent == AGENT_UNKNOWN ? json_null() : json_boolean(h->agent == AGENT_RUNNING));
    jsonout_set(&o, "last_snapshot", h->has_snapshot ? jsonout_uuid(&h->snapshot) : json_null());
    jsonout_set(&o, "last_snapshot_seq", h->has_snapshot ? jsonout_count(h->snapshot_seq) : json_null());
    jsonout_set(&o, "last_snapshot_time", h->has_snapshot ? jsonout_time(h->snapshot_time) : json_null());
    jsonout_set(&o, "proven_seq", h->proven ? jsonout_count(h->proven_seq) : json_null());
    jsonout_set(&o, "proven_time", h->proven ? jsonout_time(h->proven_time) : json_null());
    jsonout_set(&o, "store_bytes", jsonout_count(h->store_bytes));
    jsonout_set(&o, "healthy", json_boolean(h->problem_count == 0));
    jsonout_set(&o, "problems", problems_json(h));
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

static void print_line(const char *name, const char *text)
{
    OWNED(buf) struct buf clean = {0};
    output_clean(&clean, bytes_text(text));
    (void)printf("%-13s %s\n", name, buf_cstring(&clean));
}

static void print_lacks(const struct health *h)
{
    if (h->lacks == 0)
        return;
    (void)printf("%-13s ", "not captured");
    for (size_t i = 0; i < h->lacks; i++)
        (void)printf("%s%s", i > 0 ? ", " : "", h->lack[i]);
    (void)printf("\n");
}

static void print_identity(const struct datadir *d)
{
    char text[UUID_TEXT];
    print_line("database", d->identity.database[0] != '\0' ? d->identity.database : "(none yet)");
    (void)printf("%-13s %s\n", "node", uuid_format(&d->identity.node, text));
    (void)printf("%-13s %s", "device", uuid_format(&d->identity.device, text));
    OWNED(buf) struct buf name = {0};
    output_clean(&name, bytes_text(d->identity.device_name));
    (void)printf("  (%s)\n", buf_cstring(&name));
    (void)printf("%-13s %s\n", "incarnation", uuid_format(&d->identity.incarnation, text));
    (void)printf("%-13s %s\n", "dataset", uuid_format(&d->identity.dataset, text));
}

static void print_log(const struct health *h)
{
    char count[OUTPUT_TEXT], size[OUTPUT_TEXT], at[LSN_TEXT];
    if (!h->has_log) {
        print_line("log", "none yet");
        return;
    }
    (void)printf("%-13s seq %s, durable to %s, %s in %u segment%s\n", "log",
                 output_count(h->log.position.last_seq, count), lsn_format(h->log.position.end_lsn, at),
                 output_size(h->log.bytes, size), h->log.segments, h->log.segments == 1 ? "" : "s");
}

static void print_server(const struct health *h)
{
    char size[OUTPUT_TEXT], held[OUTPUT_TEXT], time[OUTPUT_TEXT], at[LSN_TEXT];
    if (!h->server_known) {
        print_line("server", "cannot be asked");
        return;
    }
    (void)printf("%-13s WAL at %s\n", "server", lsn_format(h->server_lsn, at));
    (void)printf("%-13s %s%s%s\n", "lag", output_size(h->lag_bytes, size), h->lag_seconds >= 0 ? ", " : "",
                 h->lag_seconds >= 0 ? output_duration(h->lag_seconds, time) : "");
    (void)printf("%-13s %s, %s, holds %s of WAL", "slot", slot_state_name(h->slot.state),
                 h->slot.active ? "active" : "not active",
                 output_size(h->slot.retained_bytes > 0 ? (uint64_t)h->slot.retained_bytes : 0, held));
    if (h->slot.safe_wal_size >= 0)
        (void)printf(", %s left", output_size((uint64_t)h->slot.safe_wal_size, size));
    (void)printf("\n");
}

static void print_text(const struct datadir *d, const struct health *h)
{
    char count[OUTPUT_TEXT], size[OUTPUT_TEXT], time[OUTPUT_TEXT];
    print_identity(d);
    print_line("agent", h->agent == AGENT_RUNNING   ? "running"
                        : h->agent == AGENT_STOPPED ? "not running"
                                                    : "unknown");
    print_log(h);
    print_server(h);
    if (h->readers != NULL)
        print_line("other readers", h->readers);
    print_lacks(h);
    if (h->has_snapshot)
        (void)printf("%-13s number %llu to seq %s, %s ago\n", "last snapshot",
                     (unsigned long long)h->snapshot_number, output_count(h->snapshot_seq, count),
                     output_duration((double)(pgtime_now() - h->snapshot_time) / 1e6, time));
    else
        print_line("last snapshot", "none");
    if (h->proven)
        (void)printf("%-13s seq %s, %s ago, by a %s\n", "proven", output_count(h->proven_seq, count),
                     output_duration((double)(pgtime_now() - h->proven_time) / 1e6, time),
                     h->proven_by_drill ? "drill" : "restore");
    (void)printf("%-13s %s in %s\n", "store", output_size(h->store_bytes, size), d->root);
    print_line("health", h->problem_count == 0 ? "healthy" : "NOT HEALTHY");
    for (size_t i = 0; i < h->problem_count; i++)
        print_line("  problem", h->problem[i]);
}

status cmd_status(struct cli *cli, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(health) struct health h = {0};

    TRY(options_parse(cli, NULL, 0, 0, 0, e));
    if (cli->finished)
        return DONE;
    TRY(cli_open(cli, &d, e));
    TRY(health_look(d, &h, e));
    cli->exit_code = h.problem_count == 0 ? 0 : EXIT_UNHEALTHY;
    if (cli->json)
        return print_json(d, &h, e);
    if (!cli->quiet)
        print_text(d, &h);
    return DONE;
}
