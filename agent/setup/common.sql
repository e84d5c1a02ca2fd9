-- What every captured database gets, also where the role is no superuser. Run as one transaction; may be run again. The
-- schema is there and ours (objects.c).

GRANT USAGE ON SCHEMA pgstrand TO PUBLIC;

-- Every replica identity that pgstrand changed, append-only: uninstall puts back what stood first, the trigger lowers
-- only what pgstrand raised. No unique key: two sessions may care for one table at the same time.
CREATE TABLE IF NOT EXISTS pgstrand.identity (
    relid    oid NOT NULL,
    relation text NOT NULL,
    previous "char" NOT NULL,
    now      "char" NOT NULL,  -- '?': the change was not possible
    why      text NOT NULL,    -- 'no key', 'rule', 'key' (it has one again), or why not
    at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX IF NOT EXISTS identity_relid ON pgstrand.identity (relid);

-- Says who makes the changes of this transaction.
CREATE OR REPLACE FUNCTION pgstrand.set_context("user" text, session text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_logical_emit_message(true, 'pgstrand.context',
                                   jsonb_build_object('user', $1, 'session', $2)::text);
$$;
