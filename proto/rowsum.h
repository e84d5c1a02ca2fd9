/*
 * rowsum: the sum of 64-bit row hashes that a PostgreSQL server can make of a table by itself, made here of
 * the rows that were sent to it.
 *
 * The server's hash of an int8 is that of its two halves folded into one, so that of the upper half goes with
 * it. A column's hash is hash_bytes_extended of the bytes of its text (without spaces at its end for
 * char(n)), or for the types whose value is a word or two hash_bytes_uint32_extended, as hashint4extended and
 * its like do (src/common/hashfn.c and src/backend/access/hash/hashfunc.c: Bob Jenkins' lookup3; hash
 * partitioned tables depend on it, so it does not change between versions). Its seed is the column's number,
 * from 1. A row's hash mixes the exclusive or of its columns', so that values which change places between
 * rows are noticed. rowproof.h has the SQL. Pure.
 */
#ifndef PGSTRAND_ROWSUM_H
#define PGSTRAND_ROWSUM_H

#include "proto/copybinary.h"

struct rowsum {
    uint64_t low, high; /* the sum of the rows' hashes as signed numbers, modulo 2^128 */
    uint64_t rows;
    uint64_t row; /* of the one that is being taken: its columns so far */
};

#define ROWSUM_UPPER 4096 /* added to the seed, past all columns' numbers: of an int8's upper half */

/* How a column is hashed. */
enum rowsum_kind {
    ROWSUM_TEXT,
    ROWSUM_BPCHAR,
    ROWSUM_INT2,
    ROWSUM_INT4,
    ROWSUM_INT8,
    ROWSUM_BOOL,
    ROWSUM_UUID
};
enum rowsum_kind rowsum_kind_of(enum copybinary_form form);

/* One value of the row: its text, and the same in COPY's binary format. `column` counts from 0. */
void rowsum_value(struct rowsum *s, enum rowsum_kind kind, size_t column, struct bytes text,
                  struct bytes binary);
void rowsum_null(struct rowsum *s, size_t column);
void rowsum_end_row(struct rowsum *s);

/* What a column that is NULL has instead of a hash. */
int64_t rowsum_null_hash(size_t column);

void rowsum_merge(struct rowsum *s, const struct rowsum *other);
bool rowsum_equal(const struct rowsum *a, const struct rowsum *b);
/* A sum as the server prints it, a decimal number. False when it is none. */
bool rowsum_parse(const char *decimal, uint64_t rows, struct rowsum *out);

/* hash_bytes_extended, hash_bytes_uint32_extended, hashint8extended. */
uint64_t rowsum_hash_bytes(struct bytes value, uint64_t seed);
uint64_t rowsum_hash_word(uint32_t value, uint64_t seed);
uint64_t rowsum_hash_int8(int64_t value, uint64_t seed);

#endif
