-- What records DDL and looks after replica identities: for a superuser, after common.sql, as one transaction, when the
-- event triggers of an earlier run are gone. The application's own statements must not fail because of anything here:
-- what may fail stands inside EXCEPTION; only the INSERT of the record stands outside, because a change of the schema
-- that nobody wrote down would make later rows unreadable.

-- Keyed by what needs no sequence: nextval in a trigger would change the application's lastval(). Each row's own WAL
-- moves the LSN on, so the key is unique.
CREATE TABLE IF NOT EXISTS pgstrand.ddl (
    txid    bigint NOT NULL,
    lsn     pg_lsn NOT NULL,
    event   text NOT NULL,   -- ddl_command_end, sql_drop, table_rewrite
    tag     text NOT NULL,   -- CREATE TABLE, ...; never the command's text: it can hold passwords
    objects text NOT NULL,   -- a JSON array: what was touched
    PRIMARY KEY (txid, lsn)
);

CREATE OR REPLACE FUNCTION pgstrand.note(event text, tag text, objects jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pgstrand.ddl (txid, lsn, event, tag, objects)
    VALUES (txid_current(), pg_current_wal_insert_lsn(), $1, $2, coalesce($3, '[]')::text);
$$;

-- Columns by attribute number, with the value that rows have that are older than an ADD COLUMN.
CREATE OR REPLACE FUNCTION pgstrand.columns_of(relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object(
               'n', attnum, 'name', attname, 'type', atttypid::bigint, 'typmod', atttypmod,
               'typname', format_type(atttypid, atttypmod), 'notnull', attnotnull,
               'generated', attgenerated, 'identity', attidentity, 'missing', attmissingval::text) ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped;
$$;

-- What is worth knowing of one object beside its identity. `stale`: the application's transaction sees the catalogue
-- as it was when it began, so what was read here may be older than the change; the agent reads it again.
CREATE OR REPLACE FUNCTION pgstrand.details(class oid, object oid, kind text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN $1 = 'pg_class'::regclass AND $3 IN ('table', 'table column', 'foreign table', 'composite type') THEN
            (SELECT jsonb_build_object('kind', relkind, 'persistence', relpersistence, 'replident', relreplident,
                                       'columns', pgstrand.columns_of($2)) FROM pg_class WHERE oid = $2)
        WHEN $1 = 'pg_type'::regclass THEN
            (SELECT jsonb_build_object(
                 'attributes', CASE WHEN typtype = 'c' THEN pgstrand.columns_of(typrelid) END,
                 'labels', (SELECT jsonb_agg(jsonb_build_object('oid', e.oid::bigint, 'label', enumlabel) ORDER BY enumsortorder)
                            FROM pg_enum e WHERE enumtypid = $2)) FROM pg_type WHERE oid = $2)
        END || CASE WHEN current_setting('transaction_isolation') <> 'read committed'
               THEN '{"stale": true}'::jsonb ELSE '{}'::jsonb END;
$$;

-- ALTER TABLE ... REPLICA IDENTITY, and the record of it. False: it could not be done now (a lock, pending trigger
-- events); the record says so and the agent tries later.
CREATE OR REPLACE FUNCTION pgstrand.give(rel oid, previous "char", wanted "char") RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET session_replication_role = replica
AS $$
DECLARE
    name text := rel::regclass::text;
    problem text;
BEGIN
    BEGIN
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', name,
                       CASE wanted WHEN 'f' THEN 'FULL' ELSE 'DEFAULT' END);
    EXCEPTION WHEN OTHERS THEN
        problem := sqlstate;
    END;
    INSERT INTO pgstrand.identity (relid, relation, previous, now, why)
    VALUES (rel, name, previous, CASE WHEN problem IS NULL THEN wanted ELSE '?' END, coalesce(problem, 'no key'));
    RETURN problem IS NULL;
END;
$$;

-- Does this index tell rows apart in the stream? Generated columns are not sent.
CREATE OR REPLACE FUNCTION pgstrand.tells(index oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                       WHERE i.indexrelid = $1 AND a.attgenerated <> '');
$$;

-- A published table without a usable replica identity makes the application's UPDATE and DELETE fail. Decided by
-- functions, which see the newest catalogue in every isolation level; ALTER to what a table already has is harmless.
CREATE OR REPLACE FUNCTION pgstrand.care(rel oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present "char";
BEGIN
    IF pg_relation_is_publishable(rel) IS NOT TRUE OR pg_get_partkeydef(rel) IS NOT NULL
       OR (pg_get_replica_identity_index(rel) IS NOT NULL AND pgstrand.tells(pg_get_replica_identity_index(rel))) THEN
        RETURN;
    END IF;
    SELECT relreplident INTO present FROM pg_class WHERE oid = rel;
    IF present IS DISTINCT FROM 'f' THEN
        PERFORM pgstrand.give(rel, coalesce(present, 'd'), 'f');
    ELSIF current_setting('transaction_isolation') = 'read committed'
          AND (SELECT i.now = 'f' AND i.why = 'no key' FROM pgstrand.identity i
               WHERE i.relid = rel AND i.now <> '?' ORDER BY i.at DESC LIMIT 1)
          AND EXISTS (SELECT FROM pg_index WHERE indrelid = rel AND indisprimary AND indimmediate AND indisvalid
                      AND pgstrand.tells(indexrelid))
    THEN
        PERFORM pgstrand.give(rel, 'f', 'd');
    END IF;
EXCEPTION WHEN OTHERS THEN
    -- The application's statement goes on; what went wrong is on record.
    INSERT INTO pgstrand.identity (relid, relation, previous, now, why)
    VALUES (rel, rel::regclass::text, coalesce(present, 'd'), '?', sqlstate);
END;
$$;

-- The tables and, where a change of a parent reaches them, those below.
CREATE OR REPLACE FUNCTION pgstrand.care_all(relations oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one oid;
BEGIN
    FOR one IN
        WITH RECURSIVE below(rel) AS (SELECT DISTINCT unnest(relations)
            UNION SELECT i.inhrelid FROM pg_inherits i JOIN below b ON i.inhparent = b.rel)
        SELECT rel FROM below
    LOOP
        PERFORM pgstrand.care(one);
    END LOOP;
END;
$$;

CREATE OR REPLACE FUNCTION pgstrand.on_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET datestyle = 'ISO, MDY' SET timezone = 'UTC' SET intervalstyle = postgres SET extra_float_digits = 3
SET bytea_output = hex SET lc_monetary = 'C'
AS $$
DECLARE
    seen bigint := 0;
    touched jsonb;
    relations oid[];
BEGIN
    IF tg_tag IN ('REFRESH MATERIALIZED VIEW', 'REINDEX') THEN
        RETURN; -- changes nothing that a dump shows
    END IF;
    BEGIN
        SELECT count(*),
               jsonb_agg(jsonb_build_object('class', d.classid::bigint, 'oid', d.objid::bigint, 'sub', d.objsubid,
                             'type', d.object_type, 'schema', d.schema_name, 'identity', d.object_identity)
                         || coalesce(pgstrand.details(d.classid, d.objid, d.object_type), '{}'))
                   FILTER (WHERE NOT d.in_extension AND coalesce(d.schema_name, '') NOT IN ('pg_temp', 'pgstrand')
                             AND coalesce(strpos(d.object_identity, ' on pg_temp.'), 0) = 0),
               array_agg(d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass
                             AND d.object_type IN ('table', 'table column')
                             AND coalesce(d.schema_name, '') NOT IN ('pg_temp', 'pgstrand'))
            INTO seen, touched, relations FROM pg_event_trigger_ddl_commands() d;
    EXCEPTION WHEN OTHERS THEN
        seen := 1;
        touched := jsonb_build_array(jsonb_build_object('error', sqlstate));
    END;
    -- Nothing listed: CREATE IF NOT EXISTS that did nothing, a DROP that sql_drop records, or what the list leaves out.
    IF touched IS NOT NULL OR (seen = 0 AND tg_tag NOT LIKE 'CREATE %'
                               AND (tg_tag NOT LIKE 'DROP %' OR tg_tag = 'DROP OWNED')) THEN
        PERFORM pgstrand.note(tg_event, tg_tag, touched);
    END IF;
    IF relations IS NOT NULL THEN
        PERFORM pgstrand.care_all(relations);
    END IF;
    IF tg_tag = 'ALTER PUBLICATION'
       AND NOT EXISTS (SELECT FROM pg_publication WHERE pubname ~ '^pgstrand_[0-9a-f]{16}$') THEN
        RAISE EXCEPTION 'pgstrand needs its publication under its name: "pgstrand uninstall" removes it';
    END IF;
END;
$$;

CREATE OR REPLACE FUNCTION pgstrand.on_sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    touched jsonb;
    relations oid[];
    index_gone boolean;
    publication_gone boolean;
BEGIN
    BEGIN
        SELECT jsonb_agg(jsonb_build_object('class', d.classid::bigint, 'oid', d.objid::bigint, 'sub', d.objsubid,
                             'type', d.object_type, 'schema', d.schema_name, 'identity', d.object_identity))
                   FILTER (WHERE NOT d.is_temporary AND coalesce(d.schema_name, '') NOT IN ('pg_temp', 'pgstrand')
                             AND coalesce(strpos(d.object_identity, ' on pg_temp.'), 0) = 0
                             AND (d.original OR d.object_type IN ('table', 'table column', 'table constraint', 'index'))),
               array_agg(to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))::oid)
                   FILTER (WHERE d.object_type IN ('table column', 'table constraint') AND NOT d.is_temporary
                             AND to_regclass(format('%I.%I', d.address_names[1], d.address_names[2])) IS NOT NULL),
               bool_or(d.object_type = 'index' AND NOT d.is_temporary),
               bool_or(d.object_type = 'publication' AND d.object_name ~ '^pgstrand_[0-9a-f]{16}$')
            INTO touched, relations, index_gone, publication_gone FROM pg_event_trigger_dropped_objects() d;
        IF index_gone THEN -- the event does not say whose; it matters where it was the replica identity
            relations := relations || ARRAY(SELECT c.oid FROM pg_class c WHERE c.relreplident = 'i' AND c.relkind = 'r'
                AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident));
        END IF;
    EXCEPTION WHEN OTHERS THEN
        touched := jsonb_build_array(jsonb_build_object('error', sqlstate));
    END;
    IF publication_gone THEN
        RAISE EXCEPTION 'this publication is what pgstrand captures by: "pgstrand uninstall" removes it';
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM pgstrand.note(tg_event, tg_tag, touched);
    END IF;
    IF relations IS NOT NULL THEN
        PERFORM pgstrand.care_all(relations);
    END IF;
END;
$$;

-- A rewrite's new values are not in the stream: `reason` says what wrote them (bits: 1 persistence, 2 default, 4 type,
-- 8 access method; src/include/commands/event_trigger.h).
CREATE OR REPLACE FUNCTION pgstrand.on_table_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    rel oid := pg_event_trigger_table_rewrite_oid();
    persistence "char";
BEGIN
    SELECT relpersistence INTO persistence FROM pg_class WHERE oid = rel;
    IF persistence IS DISTINCT FROM 't' THEN
        PERFORM pgstrand.note(tg_event, tg_tag, jsonb_build_array(jsonb_build_object(
            'class', 'pg_class'::regclass::oid::bigint, 'oid', rel::bigint, 'type', 'table',
            'identity', rel::regclass::text, 'reason', pg_event_trigger_table_rewrite_reason())));
    END IF;
END;
$$;

REVOKE ALL ON FUNCTION pgstrand.note(text, text, jsonb), pgstrand.columns_of(oid), pgstrand.details(oid, oid, text),
    pgstrand.give(oid, "char", "char"), pgstrand.tells(oid), pgstrand.care(oid), pgstrand.care_all(oid[]),
    pgstrand.on_command_end(), pgstrand.on_sql_drop(), pgstrand.on_table_rewrite() FROM PUBLIC;

CREATE EVENT TRIGGER pgstrand_command_end ON ddl_command_end EXECUTE FUNCTION pgstrand.on_command_end();
CREATE EVENT TRIGGER pgstrand_sql_drop ON sql_drop EXECUTE FUNCTION pgstrand.on_sql_drop();
CREATE EVENT TRIGGER pgstrand_table_rewrite ON table_rewrite EXECUTE FUNCTION pgstrand.on_table_rewrite();
-- Also where session_replication_role is replica: a subscription's or a restore's session.
ALTER EVENT TRIGGER pgstrand_command_end ENABLE ALWAYS;
ALTER EVENT TRIGGER pgstrand_sql_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER pgstrand_table_rewrite ENABLE ALWAYS;
