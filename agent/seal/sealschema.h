/*
 * sealschema: the sections of a snapshot that say what its rows mean: SCHEMA, SEQUENCES and CONFIG.
 */
#ifndef PGSTRAND_SEALSCHEMA_H
#define PGSTRAND_SEALSCHEMA_H

#include "agent/pg/tables.h"
#include "agent/seal/sealactions.h"
#include "agent/seal/sealstaged.h"
#include "agent/seal/versionbook.h"

/* One message as a section of the business tier. */
MUST_CHECK status sealschema_section(struct snapwriter *writer, struct framecoder *coder,
                                     Pgstrand__SectionKind kind, const ProtobufCMessage *message, err *e);

/* SCHEMA of a snapshot of actions: the relations they name, the versions of the schema in `versions` and the
 * tables whose `rows` it has (NULL: none); the text is that of the newest FULL or version. */
MUST_CHECK status sealschema_relations(struct snapwriter *writer, struct framecoder *coder,
                                       struct sealactions *actions, const struct chain *chain,
                                       const struct versionbook *versions, const struct sealstaged *rows,
                                       err *e);

/* SEQUENCES as the database has them now. */
MUST_CHECK status sealschema_sequences(struct snapwriter *writer, struct framecoder *coder, struct pgconn *c,
                                       const struct table_list *tables, err *e);

/* CONFIG: the agent's configuration without the connection string, and the server's version. */
MUST_CHECK status sealschema_config(struct snapwriter *writer, struct framecoder *coder,
                                    const struct datadir *d, const char *server_version, struct pgconn *c,
                                    err *e);

#endif
