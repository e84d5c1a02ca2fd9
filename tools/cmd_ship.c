#include "agent/ship/ship.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"

status cmd_ship(struct cli *cli, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    struct ship_result r;
    char sent[OUTPUT_TEXT], size[OUTPUT_TEXT];

    TRY(options_parse(cli, NULL, 0, 1, 1, e));
    if (cli->finished)
        return DONE;
    TRY(cli_open(cli, &d, e));
    TRY(ship_push(d, cli->args[0], &cli->progress, &r, e));
    if (cli->json) {
        OWNED(json) json_t *o = json_object();
        jsonout_set(&o, "vault", jsonout_text(cli->args[0]));
        jsonout_set(&o, "sent", jsonout_count(r.snapshots));
        jsonout_set(&o, "present", jsonout_count(r.present));
        jsonout_set(&o, "bytes", jsonout_count(r.bytes));
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    }
    (void)printf("%s snapshot%s sent (%s), %llu were there already\n", output_count(r.snapshots, sent),
                 r.snapshots == 1 ? "" : "s", output_size(r.bytes, size), (unsigned long long)r.present);
    return DONE;
}
