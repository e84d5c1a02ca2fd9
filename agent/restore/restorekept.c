#include "agent/restore/restorekept.h"

#include "agent/workflow/workflowrecord.h"
#include "proto/pbmem.h"

static struct bytes id_bytes(const uuid *id)
{
    return bytes_of(id->b, sizeof id->b);
}

static status set_bytes(struct bytes from, protobuf_c_boolean *has, ProtobufCBinaryData *out, err *e)
{
    uint8_t *copy = malloc(from.len);
    if (copy == NULL)
        return err_no_memory(e);
    memcpy(copy, from.data, from.len);
    free(out->data);
    *out = (ProtobufCBinaryData){from.len, copy};
    *has = true;
    return DONE;
}

/* ---- from the record ---- */

/* Where an earlier try would have stopped. */
static status take_pin(struct restorekept *kept, const Pgstrand__RestoreJob *j,
                       struct restore_request *request, err *e)
{
    if (!j->has_seq)
        return DONE;
    /* A snapshot stays what it is; it also says which chain it is of. */
    if (j->target_kind != TARGET_SNAPSHOT && j->target_kind != TARGET_NAME)
        request->target = (struct restore_target){.kind = TARGET_SEQ, .seq = j->seq};
    if (!j->has_chain_node || !j->has_chain_incarnation)
        return DONE;
    TRY(uuid_from_bytes(pbmem_view(j->chain_node), "node", &kept->node, e));
    request->node = &kept->node;
    request->incarnation = &kept->incarnation;
    return uuid_from_bytes(pbmem_view(j->chain_incarnation), "incarnation", &kept->incarnation, e);
}

/* The secret is kept nowhere: who goes on after a kill goes by what was signed with it. */
static void take_handover(const Pgstrand__RestoreJob *j, struct restoring *r)
{
    if (!j->has_handover || !j->has_handover_signature)
        return;
    r->handover = pbmem_view(j->handover);
    r->handover_signature = pbmem_view(j->handover_signature);
}

status restorekept_take(struct restorekept *kept, const Pgstrand__RestoreJob *j, struct restoring *r, err *e)
{
    if (j->has_new_node)
        TRY(uuid_from_bytes(pbmem_view(j->new_node), "the new node", &r->new_node, e));
    TRY(take_pin(kept, j, r->request, e));
    take_handover(j, r);
    return DONE;
}

/* ---- into the record ---- */

static status keep_handover(const struct takeover *t, Pgstrand__RestoreJob *j, err *e)
{
    if (t->handover == NULL || j->has_handover)
        return DONE;
    TRY(set_bytes(buf_view(&t->message), &j->has_handover, &j->handover, e));
    return set_bytes(bytes_of(t->signature, sizeof t->signature), &j->has_handover_signature,
                     &j->handover_signature, e);
}

status restorekept_planned(const struct restoring *r, Pgstrand__RestoreJob *j, err *e)
{
    TRY(keep_handover(&r->takeover, j, e));
    if (uuid_is_nil(&r->new_node))
        return DONE;
    return set_bytes(id_bytes(&r->new_node), &j->has_new_node, &j->new_node, e);
}

/* Another process may have another environment: what leads to the target is written down whole. */
status restorekept_connected(const struct restoring *r, Pgstrand__RestoreJob *j, err *e)
{
    OWNED(text) char *conninfo = NULL;
    TRY(pgconn_stored_conninfo(r->conn, r->request->conninfo, &conninfo, e));
    return workflowrecord_set_text(&j->reach, conninfo, e);
}

/* The tries that follow, and whoever goes on after a kill, stop where this one does: the log grows. */
status restorekept_folded(const struct restoring *r, Pgstrand__RestoreJob *j, err *e)
{
    const Pgstrand__SnapshotHeader *h = r->plan->chain->link[0].commit->header;
    uuid incarnation;
    TRY(uuid_from_bytes(pbmem_view(h->incarnation), "incarnation", &incarnation, e));
    if (j->from != NULL) {
        TRY(set_bytes(id_bytes(&r->place.node), &j->has_chain_node, &j->chain_node, e));
        TRY(set_bytes(id_bytes(&incarnation), &j->has_chain_incarnation, &j->chain_incarnation, e));
    }
    j->has_seq = true;
    j->seq = r->out->seq;
    return DONE;
}
