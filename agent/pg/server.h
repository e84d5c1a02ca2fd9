/*
 * server: what the agent must know of a PostgreSQL server and database before and while it captures it.
 */
#ifndef PGSTRAND_SERVER_H
#define PGSTRAND_SERVER_H

#include "agent/pg/pgconn.h"

struct server_facts {
    int version;                /* 150018 */
    char system_identifier[24]; /* decimal */
    uint32_t timeline;
    char wal_level[16];
    int max_replication_slots, used_replication_slots;
    int max_wal_senders, used_wal_senders;
    int64_t max_slot_wal_keep_mb; /* -1: unlimited */
    bool superuser;
    bool replication; /* the role may replicate */
    bool in_recovery;
    bool may_create; /* CREATE on the database */
    char encoding[32];
    int64_t wal_sender_timeout_ms;
    int64_t idle_slot_timeout_s; /* 18 and later: after so long a slot that nobody reads is invalidated; 0:
                                    never */
};
MUST_CHECK status server_facts_read(struct pgconn *c, struct server_facts *out, err *e);

/* Where WAL is inserted and flushed now; on a standby: replayed. */
MUST_CHECK status server_wal(struct pgconn *c, lsn *inserted, lsn *flushed, err *e);

enum slot_state { SLOT_ABSENT, SLOT_OK, SLOT_EXTENDED, SLOT_UNRESERVED, SLOT_LOST };
struct slot_facts {
    enum slot_state state;
    bool active;
    int active_pid;
    lsn restart_lsn;
    lsn confirmed_flush;
    int64_t safe_wal_size;  /* bytes left until it is lost; -1: unlimited or unknown */
    int64_t retained_bytes; /* WAL it holds */
    bool failover;          /* 17 and later: standbys synchronize it */
    char reason[32];        /* 16 and later: why it was invalidated, the server's word; empty: it was not */
};
MUST_CHECK status server_slot(struct pgconn *c, const char *slot, struct slot_facts *out, err *e);
const char *slot_state_name(enum slot_state state);
/* Of a lost one: why, in words. */
const char *slot_lost_words(const struct slot_facts *s);
/* Is it time to say so? Four fifths of what the WAL limit allows are used up, or all of it. */
bool server_slot_is_near(const struct slot_facts *s);

/* Logical slots of the connection's database that are not `slot` (NULL: nor any of pgstrand's): "a, b";
 * malloc'ed, NULL when there are none. */
MUST_CHECK status server_other_readers(struct pgconn *c, const char *slot, char **out, err *e);

/* proto_version to ask for: 14: 2, 15: 3, 16 and later: 4; older: 1. */
unsigned server_proto_version(int server_version);

#endif
