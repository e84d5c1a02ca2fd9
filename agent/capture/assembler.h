/*
 * assembler: from the messages of the stream, in their order, to whole transactions in the log.
 *
 * Order and duplicates are judged by commit LSN: what is not later than the log's last commit was captured
 * before and is left out. A message outside of transactions is a commit of its own at the
 * last byte of its record.
 *
 * Threads: the committer's. Ownership: assembler_new -> caller -> assembler_free (NULL-safe); borrows
 * everything in assembler_options. Lives as long as one connection: relations are announced anew on the next
 * one, and spools are sent again.
 */
#ifndef PGSTRAND_ASSEMBLER_H
#define PGSTRAND_ASSEMBLER_H

#include "agent/capture/transaction.h"

struct assembler;

struct assembler_options {
    struct logwriter *log;
    struct tablebook *book;
    const struct tier_rules *rules;
    const struct capture_events *events;
    const char *spool_dir;
    uint64_t spool_limit;        /* bytes; 0: none */
    unsigned version;            /* the proto_version that was asked for */
    bool ddl_rows;               /* the event trigger records DDL in pgstrand.ddl */
    struct generated *generated; /* NULL: the server sends no generated columns */
};

MUST_CHECK status assembler_new(const struct assembler_options *options, struct assembler **out, err *e);
void assembler_free(struct assembler *a);
OWN_POINTER(assembler, assembler_free);

MUST_CHECK status assembler_message(struct assembler *a, struct bytes raw, err *e);

/* Everything up to `end` was sent: moves the log's position when no transaction is half there. */
MUST_CHECK status assembler_advance(struct assembler *a, lsn end, err *e);

/* Somebody waits for the position to pass what was just seen (a message of prefix pgstrand.wait). */
bool assembler_waited_for(struct assembler *a);

/* Schema changes since the last call, valid until the next message. */
size_t assembler_marks(struct assembler *a, const struct schema_mark **out);

struct assembler_totals {
    uint64_t bytes;   /* of rows and contents appended */
    uint64_t actions; /* appended */
};
struct assembler_totals assembler_totals(const struct assembler *a);

#endif
