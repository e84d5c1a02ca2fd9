-- What records DDL and looks after replica identities: for a superuser, after common.sql, as one transaction, when the
-- event triggers of an earlier run are gone. The application's own statements must not fail because of anything here:
-- what may fail stands inside EXCEPTION; only the INSERT of the record stands outside, because a change of the schema
-- that nobody wrote down would make later rows unreadable.

-- Keyed by what needs no sequence: nextval in a trigger would change the application's lastval(). Each row's own WAL
-- moves the LSN on, so the key is unique.
CREATE TABLE IF NOT EXISTS pgstrand.ddl (
    txid    bigint NOT NULL,
    lsn     pg_lsn NOT NULL,
    event   text NOT NULL,   -- ddl_command_end, sql_drop, table_rewrite, table_retold
    tag     text NOT NULL,   -- CREATE TABLE, ...; never the command's text: it can hold passwords
    objects text NOT NULL,   -- a JSON array: what was touched
    PRIMARY KEY (txid, lsn)
);

-- The publication that capture lives by, by its OID: a rename is seen, another one of a like name is not ours.
CREATE TABLE IF NOT EXISTS pgstrand.published (
    oid  oid PRIMARY KEY,
    name text NOT NULL
);

-- Tier rules that look at a column need whole old rows: tables that have this column and a name LIKE these.
CREATE TABLE IF NOT EXISTS pgstrand.rule (
    schema   text NOT NULL,
    relation text NOT NULL,
    "column" text NOT NULL,
    PRIMARY KEY (schema, relation, "column")
);

-- Tables with a name LIKE these stay on this device, or are never kept: what a rewrite made of them is not told again.
CREATE TABLE IF NOT EXISTS pgstrand.untold (
    schema   text NOT NULL,
    relation text NOT NULL,
    PRIMARY KEY (schema, relation)
);

-- Of an earlier version, with other types.
DROP FUNCTION IF EXISTS pgstrand.note(text, text, jsonb), pgstrand.columns_of(oid), pgstrand.details(oid, oid, text),
    pgstrand.below_details(oid[]), pgstrand.tells(oid), pgstrand.care(oid), pgstrand.retell(oid, text);

-- All this runs with every change of the schema, so: PL/pgSQL where it could be SQL, since a session then plans each query
-- once; few queries, each for several things; JSON put together as text, which costs a quarter of jsonb; settings only where
-- they are needed (one costs as much as a small query), so what has none relies on its caller's search_path; nothing
-- looks at pg_locks or all of pg_class before it must. tests/bench/README.md has what it costs.
CREATE OR REPLACE FUNCTION pgstrand.note(event text, tag text, objects text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO pgstrand.ddl (txid, lsn, event, tag, objects)
    VALUES (pg_catalog.txid_current(), pg_catalog.pg_current_wal_insert_lsn(), $1, $2, coalesce($3, '[]'));
END;
$$;

-- Columns by attribute number, with the value that rows have that are older than an ADD COLUMN. As text of JSON.
CREATE OR REPLACE FUNCTION pgstrand.columns_of(relation oid) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (SELECT '[' || string_agg('{"n": ' || attnum || ', "name": ' || to_json(attname::text) || ', "type": ' || atttypid
                   || ', "typmod": ' || atttypmod || ', "notnull": ' || attnotnull || ', "generated": "' || attgenerated::text
                   || '", "identity": "' || attidentity::text || '", "missing": '
                   || CASE WHEN atthasmissing THEN to_json(attmissingval::text)::text ELSE 'null' END
                   || '}', ', ' ORDER BY attnum) || ']'
            FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped);
END;
$$;

CREATE OR REPLACE FUNCTION pgstrand.columns_with_values(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET datestyle = 'ISO, MDY' SET timezone = 'UTC' SET intervalstyle = postgres SET extra_float_digits = 3
SET bytea_output = hex SET lc_monetary = 'C'
AS $$
BEGIN
    RETURN pgstrand.columns_of(relation);
END;
$$;

-- What is worth knowing of a relation or type beside its identity: members of a JSON object, each with a comma before it.
-- `stale`: the application's transaction sees the catalogue as it was when it began, so what was read here may be older
-- than the change; the agent reads it again.
CREATE OR REPLACE FUNCTION pgstrand.details(class oid, object oid) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    known text;
BEGIN
    IF $1 = 'pg_class'::regclass THEN
        known := pgstrand.columns_of($2);
        IF strpos(known, '"missing": "') > 0 THEN
            known := pgstrand.columns_with_values($2);
        END IF;
        SELECT ', "kind": "' || relkind::text || '", "persistence": "' || relpersistence::text || '", "rowtype": ' || reltype
               || ', "columns": ' || coalesce(known, 'null')
            INTO known FROM pg_class WHERE oid = $2;
    ELSE
        SELECT ', "attributes": ' || coalesce(CASE WHEN typtype = 'c' THEN pgstrand.columns_of(typrelid) END, 'null')
               || ', "labels": ' || coalesce((SELECT '[' || string_agg('{"oid": ' || e.oid || ', "label": ' || to_json(enumlabel::text)
                                                                       || '}', ', ' ORDER BY enumsortorder) || ']'
                                              FROM pg_enum e WHERE enumtypid = $2), 'null')
            INTO known FROM pg_type WHERE oid = $2;
    END IF;
    RETURN coalesce(known, '') || CASE WHEN current_setting('transaction_isolation') = 'read committed' THEN ''
                                       ELSE ', "stale": true' END;
END;
$$;

-- What a change of these relations reaches although the event names only them: children, partitions, tables of a
-- composite type. pg_partition_tree sees the newest catalogue in every isolation level, the SELECTs do not.
CREATE OR REPLACE FUNCTION pgstrand.below(relations oid[]) RETURNS oid[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (WITH RECURSIVE below(rel) AS (
        SELECT unnest(relations)
        UNION SELECT t.oid FROM pg_class c JOIN pg_class t ON t.reloftype = c.reltype
              WHERE c.oid = ANY (relations) AND c.relkind = 'c'
        UNION SELECT i.inhrelid FROM pg_inherits i JOIN below b ON i.inhparent = b.rel)
    SELECT array_agg(rel) FROM (
        SELECT rel FROM below
        UNION SELECT p.relid::oid FROM unnest(relations) r, pg_partition_tree(r) p WHERE pg_get_partkeydef(r) IS NOT NULL
        EXCEPT SELECT unnest(relations)) found);
END;
$$;

CREATE OR REPLACE FUNCTION pgstrand.below_details(relations oid[]) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (SELECT string_agg('{"class": ' || 'pg_class'::regclass::oid || ', "oid": ' || r || ', "sub": 0, "type": ' || to_json(i.type)
                   || ', "schema": ' || to_json(i.schema) || ', "identity": ' || to_json(i.identity) || ', "inherited": true'
                   || pgstrand.details('pg_class'::regclass::oid, r) || '}', ', ')
            FROM unnest(relations) r, pg_identify_object('pg_class'::regclass, r, 0) i
            WHERE i.schema NOT LIKE 'pg\_temp%');
END;
$$;

-- Has this transaction the lock that ALTER TABLE ... REPLICA IDENTITY needs? A lock that the application did not ask
-- for must not be taken in its name: it would keep others waiting until it commits.
CREATE OR REPLACE FUNCTION pgstrand.locked(relations oid[]) RETURNS oid[]
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (SELECT array_agg(DISTINCT l.relation) FROM pg_locks l
    WHERE l.pid = pg_backend_pid() AND l.granted AND l.mode = 'AccessExclusiveLock' AND l.relation = ANY (relations)
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()));
END;
$$;

-- ALTER TABLE ... REPLICA IDENTITY, alone so that the application's event triggers may be kept out of it. A change of
-- session_replication_role throws away all plans of the session, so it is left alone where there are none.
CREATE OR REPLACE FUNCTION pgstrand.alter_identity(command text) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '50ms' SET pgstrand.giving = '1'
AS $$
BEGIN
    EXECUTE command;
END;
$$;

CREATE OR REPLACE FUNCTION pgstrand.alter_identity_unseen(command text) RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica
AS $$
BEGIN
    PERFORM pgstrand.alter_identity(command);
END;
$$;

-- The same with its record. When it cannot be done now (pending trigger events), the record says so and the agent does it
-- later. pgstrand.giving tells our own triggers that fire inside that all this is part of the command that is recorded.
CREATE OR REPLACE FUNCTION pgstrand.give(rel oid, previous "char", wanted "char", reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := rel::regclass::text;
    command text := format('ALTER TABLE %s REPLICA IDENTITY %s', name, CASE wanted WHEN 'f' THEN 'FULL' ELSE 'DEFAULT' END);
    problem text;
BEGIN
    BEGIN
        IF EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled = 'O') THEN
            PERFORM pgstrand.alter_identity_unseen(command);
        ELSE
            PERFORM pgstrand.alter_identity(command);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        problem := sqlstate;
    END;
    INSERT INTO pgstrand.identity (relid, relation, previous, now, why)
    VALUES (rel, name, previous, CASE WHEN problem IS NULL THEN wanted ELSE '?' END, coalesce(problem, reason));
END;
$$;

-- Does this index of the table tell rows apart in the stream? Generated columns are not sent.
CREATE OR REPLACE FUNCTION pgstrand.tells(rel oid, index oid) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = rel AND a.attgenerated <> ''
                       AND a.attnum = ANY ((SELECT i.indkey::int2[] FROM pg_index i WHERE i.indexrelid = index)::int2[]));
END;
$$;

-- Does a tier rule look at one of its columns? Then the stream must carry whole old rows, key or not.
CREATE OR REPLACE FUNCTION pgstrand.ruled(rel oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pgstrand.rule r, pg_identify_object_as_address('pg_class'::regclass, rel, 0) i
                   WHERE i.object_names[1] LIKE r.schema AND i.object_names[2] LIKE r.relation
                     AND EXISTS (SELECT FROM pg_attribute a
                                 WHERE a.attrelid = rel AND a.attname = r."column" AND NOT a.attisdropped));
$$;

-- From 18 on, no UPDATE or DELETE of a published table is possible that has no key and a column generated when read:
-- REPLICA IDENTITY FULL may not have such a column. No publication for all tables can leave a table out, so capture ends
-- for now, and the application goes on: the publication goes, in the application's transaction. The agent says which
-- table it is, waits, and makes up for what it missed when the table has a key.
CREATE OR REPLACE FUNCTION pgstrand.suspend() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET pgstrand.suspending = '1'
AS $$
DECLARE
    publication text;
BEGIN
    SELECT p.pubname INTO publication FROM pgstrand.published o JOIN pg_publication p ON p.oid = o.oid;
    IF publication IS NOT NULL THEN
        EXECUTE format('DROP PUBLICATION %I', publication);
    END IF;
END;
$$;

-- Has it a column that is computed when it is read?
CREATE OR REPLACE FUNCTION pgstrand.computes(rel oid) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = $1 AND a.attgenerated = 'v' AND NOT a.attisdropped);
END;
$$;

-- A published table without a usable replica identity makes the application's UPDATE and DELETE fail. Decided by
-- functions, which see the newest catalogue in every isolation level; ALTER to what a table already has is harmless.
-- `held`: the command has the table's lock for sure.
CREATE OR REPLACE FUNCTION pgstrand.care(rel oid, held boolean) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    present "char";
    index oid;
    reason text;
BEGIN
    IF pg_relation_is_publishable(rel) IS NOT TRUE OR pg_get_partkeydef(rel) IS NOT NULL THEN
        RETURN;
    END IF;
    index := pg_get_replica_identity_index(rel);
    IF index IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = rel AND attgenerated <> '')
       AND NOT EXISTS (SELECT FROM pgstrand.rule) THEN
        RETURN; -- as nearly always
    END IF;
    reason := CASE WHEN index IS NULL OR NOT pgstrand.tells(rel, index) THEN 'no key'
                   WHEN EXISTS (SELECT FROM pgstrand.rule) AND pgstrand.ruled(rel) THEN 'rule' END;
    IF reason IS NULL THEN
        RETURN;
    END IF;
    SELECT relreplident INTO present FROM pg_class WHERE oid = rel;
    IF pgstrand.computes(rel) THEN
        IF reason = 'rule' THEN
            RETURN;
        END IF;
        IF present = 'f' AND EXISTS (SELECT FROM pg_index WHERE indrelid = rel AND indisprimary AND indimmediate AND indisvalid
                                     AND pgstrand.tells(rel, indexrelid)) AND (held OR rel = ANY (pgstrand.locked(ARRAY[rel]))) THEN
            PERFORM pgstrand.give(rel, 'f'::"char", 'd'::"char", 'computed'::text);
        END IF;
        IF pg_get_replica_identity_index(rel) IS NULL THEN
            PERFORM pgstrand.suspend();
        END IF;
    ELSIF present IS DISTINCT FROM 'f' THEN
        IF held OR rel = ANY (pgstrand.locked(ARRAY[rel])) THEN
            PERFORM pgstrand.give(rel, coalesce(present, 'd'::"char"), 'f'::"char", reason);
        END IF;
    ELSIF current_setting('transaction_isolation') = 'read committed'
          AND EXISTS (SELECT FROM pg_index WHERE indrelid = rel AND indisprimary AND indimmediate AND indisvalid
                      AND pgstrand.tells(rel, indexrelid))
          AND (SELECT i.now = 'f' AND i.why = 'no key' AND i.previous <> 'n' FROM pgstrand.identity i
               WHERE i.relid = rel AND i.now <> '?' ORDER BY i.at DESC LIMIT 1)
          AND NOT pgstrand.ruled(rel) AND (held OR rel = ANY (pgstrand.locked(ARRAY[rel])))
    THEN
        PERFORM pgstrand.give(rel, 'f'::"char", 'd'::"char", 'key'::text);
    END IF;
EXCEPTION WHEN OTHERS THEN
    -- The application's statement goes on; what went wrong is on record.
    INSERT INTO pgstrand.identity (relid, relation, previous, now, why)
    VALUES (rel, rel::regclass::text, coalesce(present, 'd'::"char"), '?', sqlstate);
END;
$$;

-- Tables that the command reached without naming them: only those that it has locked.
CREATE OR REPLACE FUNCTION pgstrand.care_reached(relations oid[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    one oid;
BEGIN
    FOREACH one IN ARRAY coalesce(pgstrand.locked(relations), '{}'::oid[]) LOOP
        PERFORM pgstrand.care(one, true);
    END LOOP;
END;
$$;

-- The rows of a table as a rewrite left them, told again as messages of this transaction: a record, a Relation message as
-- pgoutput has it, each row, an end (agent/capture/retold.h). The values become text by their types' output functions: a cast
-- to text may be anybody's function, and would run with our rights. Under these settings text looks as pgoutput sends it;
-- where row security would hide rows, it is an error. When anything fails nothing was told, and the agent takes a base of
-- the table. Not so a cancel: it is the application's, so this ends by itself before its statement_timeout would.
CREATE OR REPLACE FUNCTION pgstrand.retell(rel oid, tag text, bytes_most bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off
SET datestyle = 'ISO, MDY' SET timezone = 'UTC' SET intervalstyle = postgres SET extra_float_digits = 3
SET bytea_output = hex SET lc_monetary = 'C'
AS $$
DECLARE
    patience interval := nullif(current_setting('statement_timeout')::interval, interval '0') * 0.7;
    until timestamptz := least(clock_timestamp() + coalesce(nullif(current_setting('pgstrand.retell_time', true), ''), '1s')::interval,
                               statement_timestamp() + patience);
    bytes bigint := 0;
    relation bytea;
    query text;
    sizes text;
    rows_of refcursor;
    one bytea;
    place pg_lsn;
BEGIN
    SELECT convert_to('R', 'UTF8') || oidsend(rel) || convert_to(n.nspname::text, 'UTF8') || E'\\x00'::bytea
               || convert_to(c.relname::text, 'UTF8') || E'\\x00'::bytea || convert_to(c.relreplident::text, 'UTF8')
               || a.columns, a.query, a.sizes
        INTO relation, query, sizes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         (SELECT int2send(count(*)::smallint) || coalesce(string_agg(
                     CASE WHEN x.relreplident = 'f' OR a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                          THEN E'\\x01'::bytea ELSE E'\\x00'::bytea END
                     || convert_to(a.attname::text, 'UTF8') || E'\\x00'::bytea || oidsend(a.atttypid) || int4send(a.atttypmod),
                     E''::bytea ORDER BY a.attnum), E'') AS columns,
                 format('SELECT record_send(r) FROM (SELECT %s FROM ONLY %s t) r', string_agg(format(
                     'CASE WHEN t.%1$I IS DISTINCT FROM NULL THEN convert_to(format(''%%s'', t.%1$I), ''UTF8'') END', a.attname),
                     ', ' ORDER BY a.attnum), rel::regclass) AS query,
                 format('SELECT sum(0%s) FROM ONLY %s t', string_agg(format(' + coalesce(octet_length(t.%I), 0)', a.attname), '')
                     FILTER (WHERE a.atttypid IN ('text'::regtype, 'bytea'::regtype, 'varchar'::regtype)), rel::regclass) AS sizes
          FROM pg_class x LEFT JOIN pg_index i ON i.indexrelid = pg_get_replica_identity_index(rel)
               JOIN pg_attribute a ON a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          WHERE x.oid = rel) a
    WHERE c.oid = rel;
    EXECUTE sizes INTO bytes; -- as they are when they are not compressed, without looking at them
    IF bytes > 8 * bytes_most THEN
        RETURN;
    END IF;
    PERFORM pgstrand.note('table_retold', tag, '[{"class": ' || 'pg_class'::regclass::oid || ', "oid": ' || rel
                          || ', "type": "table", "identity": ' || to_json(rel::regclass::text) || ', "retold": true}]');
    place := pg_logical_emit_message(true, 'pgstrand.retold', relation);
    bytes := 0;
    OPEN rows_of NO SCROLL FOR EXECUTE query; -- a loop over the query would read fifty rows ahead
    LOOP
        FETCH rows_of INTO one;
        EXIT WHEN NOT FOUND;
        bytes := bytes + octet_length(one);
        IF bytes > 8 * bytes_most OR clock_timestamp() > until THEN
            RAISE EXCEPTION 'too much';
        END IF;
        place := pg_logical_emit_message(true, 'pgstrand.retold', convert_to('N', 'UTF8') || one);
    END LOOP;
    CLOSE rows_of;
    place := pg_logical_emit_message(true, 'pgstrand.retold', convert_to('E', 'UTF8'));
EXCEPTION WHEN OTHERS THEN
    -- The command is done.
END;
$$;

-- The tables that on_table_rewrite left a note of, as far as this command is theirs: a function in USING may run others
-- while a table is being rewritten, and its rows lie where they lay until that is done. All of them, or none, within what
-- one transaction may tell: a command may rewrite thousands of partitions.
CREATE OR REPLACE FUNCTION pgstrand.retell_rewritten(relations oid[], tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bytes_most bigint;
    bytes bigint;
    one text;
    rel oid;
    mine oid[] := '{}';
    others text := '';
BEGIN
    -- Not where they are declared: an error there is not caught.
    bytes_most := coalesce(nullif(current_setting('pgstrand.retell_bytes', true), ''), '2097152');
    bytes := coalesce(nullif(current_setting('pgstrand.retold_bytes', true), ''), '0');
    FOREACH one IN ARRAY string_to_array(trim(trailing ',' FROM current_setting('pgstrand.rewritten', true)), ',') LOOP
        rel := split_part(one, ' ', 1);
        IF rel <> ALL (relations) OR pg_relation_filenode(rel) = split_part(one, ' ', 2)::oid THEN
            others := others || one || ',';
        ELSIF pg_relation_is_publishable(rel) AND pg_get_partkeydef(rel) IS NULL AND NOT pgstrand.ruled(rel)
              AND NOT EXISTS (SELECT FROM pgstrand.untold u, pg_identify_object_as_address('pg_class'::regclass, rel, 0) i
                              WHERE i.object_names[1] LIKE u.schema AND i.object_names[2] LIKE u.relation) THEN
            mine := mine || rel;
            bytes := bytes + pg_table_size(rel);
        END IF;
    END LOOP;
    PERFORM set_config('pgstrand.rewritten', others, true);
    IF bytes <= bytes_most AND cardinality(mine) > 0 THEN
        PERFORM set_config('pgstrand.retold_bytes', bytes::text, true);
        FOREACH rel IN ARRAY coalesce(pgstrand.locked(mine), '{}'::oid[]) LOOP
            PERFORM pgstrand.retell(rel, tag, bytes_most);
        END LOOP;
    END IF;
EXCEPTION WHEN OTHERS THEN
    -- Somebody else set it.
END;
$$;

CREATE OR REPLACE FUNCTION pgstrand.on_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    seen bigint := 0;
    touched text;
    relations oid[];
    reached oid[];
    wide boolean;
    one oid;
BEGIN
    -- What a DROP did sql_drop has recorded (DROP OWNED revokes as well); the last two change nothing that a dump shows.
    IF current_setting('pgstrand.giving', true) = '1' OR (tg_tag LIKE 'DROP %' AND tg_tag <> 'DROP OWNED')
       OR tg_tag IN ('REFRESH MATERIALIZED VIEW', 'REINDEX') THEN
        RETURN;
    END IF;
    BEGIN
        SELECT count(*),
               -- GRANT and REVOKE are listed without saying on what.
               string_agg('{"class": ' || coalesce(d.classid::text, 'null') || ', "oid": ' || coalesce(d.objid::text, 'null')
                          || ', "sub": ' || coalesce(d.objsubid::text, 'null')
                          || ', "type": ' || to_json(d.object_type) || ', "schema": ' || coalesce(to_json(d.schema_name)::text, 'null')
                          || ', "identity": ' || coalesce(to_json(d.object_identity)::text, 'null')
                          || CASE WHEN d.classid = 'pg_type'::regclass
                                       OR (d.classid = 'pg_class'::regclass
                                           AND d.object_type IN ('table', 'table column', 'foreign table', 'composite type'))
                                  THEN pgstrand.details(d.classid, d.objid) ELSE '' END || '}', ', ')
                   FILTER (WHERE NOT d.in_extension AND coalesce(d.schema_name, '') NOT IN ('pg_temp', 'pgstrand')
                             AND coalesce(strpos(d.object_identity, ' on pg_temp.'), 0) = 0),
               array_agg(DISTINCT d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass
                             AND d.object_type IN ('table', 'table column', 'foreign table', 'composite type')
                             AND coalesce(d.schema_name, '') NOT IN ('pg_temp', 'pgstrand')),
               -- Under an old snapshot the answer may be old.
               bool_or(tg_tag LIKE 'ALTER %' AND (current_setting('transaction_isolation') <> 'read committed'
                       OR (SELECT c.relhassubclass OR c.relkind = 'c' FROM pg_class c
                           WHERE c.oid = d.objid AND d.classid = 'pg_class'::regclass)))
            INTO seen, touched, relations, wide FROM pg_event_trigger_ddl_commands() d;
        IF relations IS NOT NULL AND wide THEN
            reached := pgstrand.below(relations);
            touched := touched || coalesce(', ' || pgstrand.below_details(reached), '');
        END IF;
    EXCEPTION WHEN OTHERS THEN
        seen := 1;
        touched := '{"error": "' || sqlstate || '"}';
    END;
    IF relations IS NOT NULL THEN
        FOREACH one IN ARRAY relations LOOP
            PERFORM pgstrand.care(one, tg_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO'));
        END LOOP;
        IF reached IS NOT NULL THEN
            PERFORM pgstrand.care_reached(reached);
        END IF;
    END IF;
    -- Nothing listed: CREATE IF NOT EXISTS that did nothing, or what the list leaves out.
    IF touched IS NOT NULL OR (seen = 0 AND tg_tag NOT LIKE 'CREATE %') THEN
        PERFORM pgstrand.note(tg_event, tg_tag, '[' || touched || ']');
    END IF;
    IF touched IS NOT NULL AND relations IS NOT NULL AND current_setting('pgstrand.rewritten', true) <> '' THEN
        PERFORM pgstrand.retell_rewritten(relations || reached, tg_tag);
    END IF;
    IF tg_tag = 'ALTER PUBLICATION'
       AND EXISTS (SELECT FROM pgstrand.published o JOIN pg_publication p ON p.oid = o.oid
                   WHERE p.pubname <> o.name OR p.pubviaroot
                      OR NOT (p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate)) THEN
        RAISE EXCEPTION 'pgstrand captures by this publication and needs it as it is: "pgstrand uninstall" removes it';
    END IF;
END;
$$;

-- Indexes go alone, and then may leave their table without its replica identity, with DROP INDEX or with what they are made
-- of (operator classes, collations, extensions); a table takes its own along, and ALTER TABLE names the table.
CREATE OR REPLACE FUNCTION pgstrand.on_sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    touched text;
    relations oid[];
    index_gone boolean;
    ours_gone boolean;
BEGIN
    BEGIN
        SELECT '[' || string_agg('{"class": ' || d.classid || ', "oid": ' || d.objid || ', "sub": ' || d.objsubid
                             || ', "type": ' || to_json(d.object_type) || ', "schema": ' || coalesce(to_json(d.schema_name)::text, 'null')
                             || ', "identity": ' || coalesce(to_json(d.object_identity)::text, 'null') || '}', ', ')
                   FILTER (WHERE NOT d.is_temporary AND coalesce(d.schema_name, '') NOT IN ('pg_temp', 'pgstrand')
                             AND coalesce(strpos(d.object_identity, ' on pg_temp.'), 0) = 0
                             AND (d.original OR d.object_type IN ('table', 'table column', 'table constraint', 'index'))) || ']',
               array_agg(to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))::oid)
                   FILTER (WHERE d.object_type IN ('table column', 'table constraint') AND NOT d.is_temporary
                             AND to_regclass(format('%I.%I', d.address_names[1], d.address_names[2])) IS NOT NULL),
               bool_or(d.object_type = 'index' AND NOT d.is_temporary),
               bool_or(d.schema_name = 'pgstrand' OR (d.object_type = 'schema' AND d.object_name = 'pgstrand')
                       OR (d.object_type = 'publication' AND d.objid IN (SELECT oid FROM pgstrand.published)))
            INTO touched, relations, index_gone, ours_gone FROM pg_event_trigger_dropped_objects() d;
        IF index_gone AND NOT ours_gone AND tg_tag NOT IN ('DROP TABLE', 'ALTER TABLE') THEN -- the event does not say whose
            relations := relations || ARRAY(SELECT c.oid FROM pg_class c WHERE c.relreplident = 'i' AND c.relkind = 'r'
                AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident));
        END IF;
    EXCEPTION WHEN OTHERS THEN
        touched := '[{"error": "' || sqlstate || '"}]';
    END;
    IF ours_gone AND current_setting('pgstrand.suspending', true) IS DISTINCT FROM '1' THEN
        RAISE EXCEPTION 'pgstrand captures this database by what would be dropped: "pgstrand uninstall" removes it';
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM pgstrand.note(tg_event, tg_tag, touched);
    END IF;
    -- The end of an ALTER TABLE comes to its tables by itself, where it sees all of them.
    IF cardinality(relations) > 0
       AND NOT (tg_tag = 'ALTER TABLE' AND current_setting('transaction_isolation') = 'read committed') THEN
        PERFORM pgstrand.care_reached(relations);
    END IF;
END;
$$;

-- Reads each value of one type the same in a column of the other? As versiontypes_follow (agent/seal) has it, which decides in
-- the end: where this says so of more, the agent takes a base; where of less, rows are told that nobody needs.
CREATE OR REPLACE FUNCTION pgstrand.reads_same(was oid, was_mod integer, type oid, type_mod integer) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    whole oid[] := ARRAY['int2'::regtype, 'int4'::regtype, 'int8'::regtype];
    words oid[] := ARRAY['text'::regtype, 'varchar'::regtype];
BEGIN
    RETURN (was_mod = type_mod OR type_mod = -1)
       AND (was = type OR array_position(whole, type) > array_position(whole, was) OR (was = ANY (words) AND type = ANY (words))
            OR (was = ANY (whole) AND type = 'numeric'::regtype)
            OR (was = ANY (whole || ARRAY['numeric'::regtype, 'uuid'::regtype]::oid[]) AND type = ANY (words)));
END;
$$;

-- A rewrite's new values are not in the stream: `reason` says what wrote them (bits: 1 persistence, 2 default, 4 type,
-- 8 access method; src/include/commands/event_trigger.h). `plain`: surely without USING, and nobody has made casts between
-- PostgreSQL's own types. `numbers`, `types`, `mods`: of the columns before it.
CREATE OR REPLACE FUNCTION pgstrand.rewrites(rel oid, tag text, plain boolean, numbers smallint[], types oid[], mods integer[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    reason integer := pg_event_trigger_table_rewrite_reason();
    empty boolean := pg_relation_size(rel) = 0;
BEGIN
    plain := plain AND NOT EXISTS (SELECT FROM pg_cast WHERE oid >= 16384 AND castsource < 16384 AND casttarget < 16384);
    PERFORM pgstrand.note('table_rewrite', tag, '[{"class": ' || 'pg_class'::regclass::oid || ', "oid": ' || rel
        || ', "type": "table", "identity": ' || to_json(rel::regclass::text) || ', "reason": ' || reason
        || ', "empty": ' || empty || ', "plain": ' || plain || '}]');
    -- Of older snapshots the columns might be older than the rows.
    IF empty OR reason & 7 = 0 OR current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN;
    END IF;
    IF plain AND reason & 7 = 4 AND NOT EXISTS (
        SELECT FROM pg_attribute a LEFT JOIN unnest(numbers, types, mods) w (attnum, type, mod) ON w.attnum = a.attnum
        WHERE a.attrelid = rel AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          AND pgstrand.reads_same(w.type, w.mod, a.atttypid, a.atttypmod) IS NOT TRUE)
    THEN
        RETURN; -- int to bigint: the rows as they were told will do
    END IF;
    PERFORM set_config('pgstrand.rewritten', coalesce(current_setting('pgstrand.rewritten', true), '')
                       || rel || ' ' || pg_relation_filenode(rel) || ',', true);
END;
$$;

-- STABLE, so what it reads is as it was when the command began: the catalogue has the new columns already. A command that
-- waited for its lock may have begun before somebody else's change: the agent, which knows their order, sees that.
-- The command's text is looked at for two words alone, and only where it is the command's: not when a function or DO block
-- runs it, nor an extension's script.
CREATE OR REPLACE FUNCTION pgstrand.on_table_rewrite() RETURNS event_trigger
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    rel oid := pg_event_trigger_table_rewrite_oid();
    stack text;
    numbers smallint[];
    types oid[];
    mods integer[];
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    IF EXISTS (SELECT FROM pg_class WHERE oid = rel AND relpersistence = 't') THEN
        RETURN;
    END IF;
    SELECT array_agg(attnum), array_agg(atttypid), array_agg(atttypmod) INTO numbers, types, mods
    FROM pg_attribute WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped;
    PERFORM pgstrand.rewrites(rel, tg_tag, coalesce(strpos(stack, E'\n') = 0
        AND lower(current_query() COLLATE "C") !~ 'using|extension', false), numbers, types, mods);
END;
$$;

-- The gate: a transaction that changes the schema passes it with a shared lock, so that an agent whose dumps were torn
-- again and again can keep DDL out for the moment of one dump. Never for long: whoever still finds it closed goes on.
CREATE OR REPLACE FUNCTION pgstrand.on_command_start() RETURNS event_trigger
LANGUAGE plpgsql
AS $$
BEGIN
    FOR turn IN 1..150 LOOP
        EXIT WHEN pg_catalog.pg_try_advisory_xact_lock_shared(1885827956, 1734440037);
        PERFORM pg_catalog.pg_sleep(0.02);
    END LOOP;
END;
$$;

REVOKE ALL ON FUNCTION pgstrand.note(text, text, text), pgstrand.columns_of(oid), pgstrand.columns_with_values(oid),
    pgstrand.details(oid, oid), pgstrand.below(oid[]), pgstrand.below_details(oid[]), pgstrand.locked(oid[]),
    pgstrand.alter_identity(text), pgstrand.alter_identity_unseen(text),
    pgstrand.give(oid, "char", "char", text), pgstrand.tells(oid, oid), pgstrand.ruled(oid), pgstrand.computes(oid),
    pgstrand.suspend(), pgstrand.care(oid, boolean), pgstrand.retell(oid, text, bigint), pgstrand.retell_rewritten(oid[], text),
    pgstrand.reads_same(oid, integer, oid, integer), pgstrand.rewrites(oid, text, boolean, smallint[], oid[], integer[]),
    pgstrand.care_reached(oid[]), pgstrand.on_command_start(), pgstrand.on_command_end(), pgstrand.on_sql_drop(),
    pgstrand.on_table_rewrite() FROM PUBLIC;

CREATE EVENT TRIGGER pgstrand_command_start ON ddl_command_start EXECUTE FUNCTION pgstrand.on_command_start();
CREATE EVENT TRIGGER pgstrand_command_end ON ddl_command_end EXECUTE FUNCTION pgstrand.on_command_end();
CREATE EVENT TRIGGER pgstrand_sql_drop ON sql_drop EXECUTE FUNCTION pgstrand.on_sql_drop();
CREATE EVENT TRIGGER pgstrand_table_rewrite ON table_rewrite EXECUTE FUNCTION pgstrand.on_table_rewrite();
-- Also where session_replication_role is replica: a subscription's or a restore's session.
ALTER EVENT TRIGGER pgstrand_command_start ENABLE ALWAYS;
ALTER EVENT TRIGGER pgstrand_command_end ENABLE ALWAYS;
ALTER EVENT TRIGGER pgstrand_sql_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER pgstrand_table_rewrite ENABLE ALWAYS;
