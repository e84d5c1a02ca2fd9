/*
 * transaction: turns the decoded messages of one committed transaction into actions of the log.
 *
 * Tiers are applied here, before anything is written: rows of transient tables, and rows that a column rule
 * makes transient, never reach the log; a row that changes its tier leaves the one as DELETE and enters the
 * other as CREATE.
 *
 * Threads: the committer's. Ownership: transaction_init -> caller -> transaction_fini; borrows log, book and
 * rules.
 */
#ifndef PGSTRAND_TRANSACTION_H
#define PGSTRAND_TRANSACTION_H

#include "agent/capture/draft.h"
#include "agent/capture/generated.h"
#include "agent/capture/retold.h"
#include "agent/tablebook.h"
#include "store/actionlog.h"

/* What the assembler tells of: called in the committer's thread, must be quick. */
struct capture_events {
    void *context;
    /* A table that the catalogue does not know under this OID and name. */
    void (*table_seen)(void *context, const struct relation *shape, const struct table_tier *tier,
                       uint64_t seq);
    /* Something the user should know; one line. */
    void (*notice)(void *context, const char *line);
};

/* A change of the schema, told after it is durable. */
struct schema_mark {
    uint64_t seq;
    lsn at;
    char what[160];
};
#define SCHEMA_MARKS 32 /* more between two flushes share the last one */

struct transaction {
    struct logwriter *log;
    struct draft *draft; /* of a streamed one: actions go here instead; NULL: into the log */
    struct tablebook *book;
    const struct tier_rules *rules;
    const struct capture_events *events;
    struct generated *generated; /* NULL: the server sends no generated columns */
    bool ddl_rows;               /* the event trigger records DDL; else it is inferred from relations */

    struct relmap relations;
    struct retold retold; /* a rewritten table whose rows come again */
    uint64_t forgotten;   /* by the log (logwriter_forgotten), as of the versions in it */
    struct commit commit; /* of the transaction in progress */
    bool changes_schema;
    char what[160];
    struct buf origin;
    struct buf user;
    struct buf session;
    struct buf merged; /* a new row with the values that were not sent */
    struct buf list;   /* relation versions of a TRUNCATE */
    struct buf old;    /* rows without generated columns */
    struct buf new;

    struct schema_mark mark[SCHEMA_MARKS];
    size_t mark_count;
    uint64_t bytes; /* of rows and contents appended, in all */
    uint64_t actions;
};

void transaction_init(struct transaction *t, struct logwriter *log, struct tablebook *book,
                      const struct tier_rules *rules, const struct capture_events *events, bool ddl_rows);
void transaction_fini(struct transaction *t);

/* xid, LSN and time as in `head`; the rest is filled in on the way. */
void transaction_begin(struct transaction *t, const struct commit *head);

/* R, also outside of transactions. */
MUST_CHECK status transaction_relation(struct transaction *t, const struct pgoutput_message *msg, err *e);
/* Part of it: a relation that was just announced loses its generated columns. */
MUST_CHECK status transaction_look(struct transaction *t, struct rel_entry *rel, err *e);
/* I, U, D, T, M, O; Y is nothing to us. */
MUST_CHECK status transaction_change(struct transaction *t, const struct pgoutput_message *msg, err *e);

MUST_CHECK status transaction_commit(struct transaction *t, lsn end, err *e);

/* Is this message of pgstrand.set_context? */
bool transaction_is_context(const struct pgoutput_message *msg);

/* The relation's version in the log under this tier; of a streamed transaction, its number in the draft. */
MUST_CHECK status transaction_version(struct transaction *t, struct rel_entry *rel, enum tier tier,
                                      uint32_t *version, err *e);
/* TRUNCATE, an action for each tier that they have rows in. */
MUST_CHECK status transaction_truncate(struct transaction *t, struct rel_entry *const *rel, size_t count,
                                       uint32_t flags, err *e);
MUST_CHECK status transaction_put(struct transaction *t, const struct action *a, err *e);
/* The transaction in progress changes the schema; the first reason is kept. */
void transaction_mark(struct transaction *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
