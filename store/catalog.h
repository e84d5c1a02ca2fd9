/*
 * catalog: the memory that agent and commands share: identity, set-up state, tables, snapshots, vaults,
 * schema breaks, workflows, proofs, what the agent says of itself. One LMDB environment (DATA/catalog.mdb),
 * safe for many processes; never on the capture path.
 *
 * Records are the messages of catalog.proto; the kinds and their keys are in catalog_kind. Writes are durable
 * when the function returns. A store of a newer version is refused (ERR_REFUSED); older ones are migrated
 * forward, each migration recorded with its checksum.
 *
 * Threads: a handle belongs to one thread at a time. Ownership: catalog_get and catalog_next hand out
 * messages the caller frees (pbmem_free).
 */
#ifndef PGSTRAND_CATALOG_H
#define PGSTRAND_CATALOG_H

#include <catalog.pb-c.h>

#include "proto/base/own.h"
#include "proto/base/uuid.h"
#include "proto/pbmem.h"

struct catalog;

/* The numbers are stored: new kinds go to the end. */
enum catalog_kind {
    CATALOG_IDENTITY,   /* one; key empty: IdentityRecord */
    CATALOG_SETUP,      /* one; key empty: SetupRecord */
    CATALOG_AGENT,      /* one; key empty: AgentState */
    CATALOG_BASE_TABLE, /* key: oid and part, 4 bytes big-endian each: BaseTableRecord */
    CATALOG_TABLE,      /* key: table UUID: TableRecord */
    CATALOG_SNAPSHOT,   /* key: incarnation UUID, number 8 bytes big-endian: SnapshotRecord */
    CATALOG_VAULT,      /* key: name: VaultRecord */
    CATALOG_BREAK,      /* key: seq 8 bytes big-endian: SchemaBreak */
    CATALOG_HEAL,       /* one; key empty: HealRecord */
    CATALOG_SCHEMA,     /* key: seq from which on it is in force, 8 bytes big-endian: SchemaVersionRecord */
    CATALOG_QUARANTINE, /* key: UUID: QuarantineRecord */
    CATALOG_WORKFLOW,   /* key: UUID: WorkflowRecord */
    CATALOG_PROOF,      /* key: time, 8 bytes big-endian: ProofRecord */
    CATALOG_KINDS
};

#define CATALOG_VERSION 1 /* of the store's layout */

MUST_CHECK status catalog_open(const char *path, struct catalog **out, err *e);
void catalog_close(struct catalog *c);
OWN_POINTER(catalog, catalog_close);

/* NULL in *out when there is no such record. */
MUST_CHECK status catalog_get(struct catalog *c, enum catalog_kind kind, struct bytes key,
                              ProtobufCMessage **out, err *e);
MUST_CHECK status catalog_put(struct catalog *c, enum catalog_kind kind, struct bytes key,
                              const ProtobufCMessage *record, err *e);
/* Missing is not an error. */
MUST_CHECK status catalog_delete(struct catalog *c, enum catalog_kind kind, struct bytes key, err *e);

/* Several writes as one: between begin and end, puts and deletes are one LMDB transaction; catalog_end(false)
 * drops them. */
MUST_CHECK status catalog_begin(struct catalog *c, err *e);
MUST_CHECK status catalog_end(struct catalog *c, bool keep, err *e);

/* All records of a kind in key order: each is given to `visit`, borrowed for the call; FAILED from visit
 * stops and is handed on. */
MUST_CHECK status catalog_each(struct catalog *c, enum catalog_kind kind,
                               status (*visit)(void *context, struct bytes key,
                                               const ProtobufCMessage *record, err *e),
                               void *context, err *e);

/* Keys of the kinds. */
struct catalog_key {
    uint8_t data[24];
    size_t len;
};
struct bytes catalog_key_bytes(const struct catalog_key *key);
struct catalog_key catalog_key_u32(uint32_t value);
struct catalog_key catalog_key_u64(uint64_t value);
struct catalog_key catalog_key_uuid(const uuid *value);
struct catalog_key catalog_key_snapshot(const uuid *incarnation, uint64_t number);

#endif
