-- What a database remembers of the restores into it. Also made where nothing is captured: by the first restore.

-- One row per source chain: up to where it was brought, and as what kind of restore.
CREATE TABLE IF NOT EXISTS pgstrand.replay (
    node        uuid NOT NULL,
    incarnation uuid NOT NULL,
    snapshot    uuid NOT NULL,
    seq         bigint NOT NULL,
    whole_seq   bigint,  -- the last one that brought all tables; NULL: never
    scope       text NOT NULL,
    at          timestamptz NOT NULL DEFAULT pg_catalog.now(),
    times       bigint NOT NULL DEFAULT 1,
    workflow    uuid,    -- that brought it; NULL: none
    PRIMARY KEY (node, incarnation)
);
ALTER TABLE pgstrand.replay ADD COLUMN IF NOT EXISTS workflow uuid;

-- Rows that a merge left alone because they were made on both devices: the next merge must know them again.
CREATE TABLE IF NOT EXISTS pgstrand.conflict (
    node     uuid NOT NULL,
    relation text NOT NULL,
    key      text NOT NULL,
    at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (node, relation, key)
);
