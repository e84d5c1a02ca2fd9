/*
 * machine: where a data directory lies: on which machine, and whether it is still the same folder. A copy
 * shows: it has another inode or another time of birth.
 */
#ifndef PGSTRAND_MACHINE_H
#define PGSTRAND_MACHINE_H

#include <stdbool.h>

struct machine {
    char id[65];    /* /etc/machine-id; empty: the machine has none */
    char place[64]; /* of the folder: inode and time of birth; empty: it cannot be told */
};

void machine_read(const char *root, struct machine *out);

/* What is not known (NULL or empty) is not told apart. */
bool machine_same_id(const struct machine *m, const char *recorded);
bool machine_same_place(const struct machine *m, const char *recorded);

#endif
