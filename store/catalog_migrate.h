/*
 * catalog_migrate: the versions of the catalogue's layout, and the steps between them.
 *
 * Each step that was applied is recorded (MigrationRecord) with its checksum, so that a store that went
 * another way is noticed, and not misread.
 */
#ifndef PGSTRAND_CATALOG_MIGRATE_H
#define PGSTRAND_CATALOG_MIGRATE_H

#include "store/lmdbenv.h"

enum catalog_database { CATALOG_META, CATALOG_MIGRATIONS, CATALOG_RECORDS };

struct catalog_migration {
    const char *name;
    const char *definition; /* what it does, in words; with version and name, what the checksum is over. Never
                               changed once it was released. */
    status (*apply)(struct lmdbtxn *t, err *e); /* NULL: there is nothing to convert */
};

/* The steps of this program; the version they lead to is their number. */
extern const struct catalog_migration catalog_migrations[];
extern const size_t catalog_migrations_count;

/*
 * Brings the store to version `count` in one transaction; step i leads from version i to i + 1. ERR_REFUSED
 * when it is newer, ERR_STORAGE when a step was recorded that is not this one.
 */
MUST_CHECK status catalog_migrate(struct lmdbenv *env, const struct catalog_migration *steps, size_t count,
                                  err *e);

#endif
