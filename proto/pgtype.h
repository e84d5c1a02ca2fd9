/*
 * pgtype: OIDs of built-in types, which are the same in every database (pg_type.dat of PostgreSQL).
 */
#ifndef PGSTRAND_PGTYPE_H
#define PGSTRAND_PGTYPE_H

enum pgtype {
    PGTYPE_BOOL = 16,
    PGTYPE_BYTEA = 17,
    PGTYPE_INT8 = 20,
    PGTYPE_INT2 = 21,
    PGTYPE_INT4 = 23,
    PGTYPE_TEXT = 25,
    PGTYPE_OID = 26,
    PGTYPE_JSON = 114,
    PGTYPE_FLOAT4 = 700,
    PGTYPE_FLOAT8 = 701,
    PGTYPE_BPCHAR = 1042,
    PGTYPE_VARCHAR = 1043,
    PGTYPE_DATE = 1082,
    PGTYPE_TIMESTAMP = 1114,
    PGTYPE_TIMESTAMPTZ = 1184,
    PGTYPE_NUMERIC = 1700,
    PGTYPE_UUID = 2950,
    PGTYPE_JSONB = 3802
};

#endif
