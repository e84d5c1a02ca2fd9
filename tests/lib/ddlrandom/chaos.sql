-- Random statements by a seed: chaos.statement(seed, step) looks at what tables there are now and says what to do next.
-- Loaded before init; the tables are those of schema app.

CREATE SCHEMA app;
CREATE SCHEMA chaos;
CREATE TYPE app.pair AS (a int, b text);
CREATE TYPE app.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN app.small AS int CHECK (VALUE < 1000000);
CREATE TYPE app.nested AS (p app.pair, m app.mood[]);

CREATE FUNCTION chaos.pick(seed bigint, step bigint, salt text, below bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashtextextended(seed || ' ' || step || ' ' || salt, 0) & 9223372036854775807) % greatest(below, 1) $$;

CREATE FUNCTION chaos.one_of(seed bigint, step bigint, salt text, VARIADIC choices text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT choices[1 + chaos.pick(seed, step, salt, cardinality(choices))] $$;

CREATE FUNCTION chaos.type(seed bigint, step bigint, salt text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT chaos.one_of(seed, step, salt, 'int', 'bigint', 'text', 'text', 'varchar(40)', 'numeric', 'numeric(12,3)', 'bool',
        'timestamptz', 'uuid', 'jsonb', 'int[]', 'app.pair', 'app.pair[]', 'app.mood', 'app.small', 'app.nested', 'float8', 'bytea') $$;

-- A value of the type, as an SQL expression.
CREATE FUNCTION chaos.value(seed bigint, step bigint, salt text, type text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint := chaos.pick(seed, step, salt, 100000);
    label text;
BEGIN
    IF chaos.pick(seed, step, salt || 'null', 12) = 0 THEN
        RETURN 'NULL';
    END IF;
    SELECT enumlabel INTO label FROM pg_enum WHERE enumtypid = 'app.mood'::regtype ORDER BY enumsortorder
        OFFSET chaos.pick(seed, step, salt, (SELECT count(*) FROM pg_enum WHERE enumtypid = 'app.mood'::regtype)) LIMIT 1;
    RETURN CASE
        WHEN type IN ('integer', 'bigint', 'app.small', 'smallint') THEN (n % 30000)::text
        WHEN type LIKE 'numeric%' OR type = 'double precision' THEN (n / 8.0)::text
        WHEN type = 'text' AND n % 6 = 0 THEN format('repeat(md5(%L), 120)', n) -- out of line
        WHEN type = 'text' THEN quote_literal('t' || n || E'\t\\ü')
        WHEN type LIKE 'character varying%' THEN quote_literal('v' || n)
        WHEN type = 'boolean' THEN (n % 2 = 0)::text
        WHEN type LIKE 'timestamp%' THEN quote_literal('2024-01-01'::timestamptz + n * interval '1 minute')
        WHEN type = 'uuid' THEN quote_literal(md5(n::text)::uuid)
        WHEN type = 'jsonb' THEN quote_literal(jsonb_build_object('k', n))
        WHEN type = 'integer[]' THEN format('ARRAY[%s, NULL, 3]', n)
        WHEN type = 'bytea' THEN format('decode(md5(%L), ''hex'')', n)
        WHEN type = 'app.mood' THEN quote_literal(label)
        WHEN type = 'app.pair' THEN format('jsonb_populate_record(NULL::app.pair, %L)', jsonb_build_object('a', n, 'b', 'x"' || n, 'c', n, 'd', n))
        WHEN type = 'app.pair[]' THEN format('ARRAY[jsonb_populate_record(NULL::app.pair, %L), NULL]', jsonb_build_object('a', n, 'c', 1))
        WHEN type = 'app.nested' THEN format('jsonb_populate_record(NULL::app.nested, %L)',
            jsonb_build_object('p', jsonb_build_object('a', n, 'd', 2), 'm', jsonb_build_array(label)))
        ELSE 'NULL' END;
END $$;

-- The columns that a statement may fill, in their order.
CREATE FUNCTION chaos.columns(relation oid) RETURNS TABLE (name text, type text, place bigint)
LANGUAGE sql STABLE AS $$
    SELECT attname::text, format_type(atttypid, atttypmod), row_number() OVER (ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = '' $$;

CREATE FUNCTION chaos.column_of(seed bigint, step bigint, salt text, relation oid, OUT name text, OUT type text)
LANGUAGE sql STABLE AS $$
    SELECT quote_ident(c.name), c.type FROM chaos.columns(relation) c
    WHERE place = 1 + chaos.pick(seed, step, salt, (SELECT count(*) FROM chaos.columns(relation))) $$;

-- A table of one of these kinds (pg_class.relkind), not the same one for another salt; NULL when there is none.
CREATE FUNCTION chaos.table_of(seed bigint, step bigint, salt text, kinds text) RETURNS oid
LANGUAGE sql STABLE AS $$
    SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace AND strpos(kinds, relkind::text) > 0
    ORDER BY relname OFFSET chaos.pick(seed, step, salt, (SELECT count(*) FROM pg_class
        WHERE relnamespace = 'app'::regnamespace AND strpos(kinds, relkind::text) > 0)) LIMIT 1 $$;

CREATE FUNCTION chaos.insertion(seed bigint, step bigint, relation oid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('INSERT INTO %s (%s) VALUES %s ON CONFLICT DO NOTHING', relation::regclass,
        (SELECT string_agg(quote_ident(name), ', ' ORDER BY place) FROM chaos.columns(relation)),
        (SELECT string_agg('(' || (SELECT string_agg(chaos.value(seed, step, row || c.name, c.type), ', ' ORDER BY place)
                                   FROM chaos.columns(relation) c) || ')', ', ')
         FROM generate_series(1, 1 + chaos.pick(seed, step, 'rows', 6)) row)) $$;

CREATE FUNCTION chaos.creation(seed bigint, step bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    name text := 't' || step;
    parent oid := chaos.table_of(seed, step, 'parent', 'rp');
    body text := (SELECT string_agg(format('c%s %s', i, chaos.type(seed, step, 'type' || i)), ', ')
                  FROM generate_series(1, 1 + chaos.pick(seed, step, 'columns', 4)) i);
BEGIN
    CASE chaos.pick(seed, step, 'how', 9)
    WHEN 0, 1, 2 THEN
        RETURN format('CREATE TABLE app.%s (id int PRIMARY KEY, %s)', name, body);
    WHEN 3 THEN
        RETURN format('CREATE TABLE app.%s (%s)', name, body);
    WHEN 4 THEN
        RETURN format('CREATE TABLE app.%s (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, %s, twice int GENERATED ALWAYS AS (7) STORED)', name, body);
    WHEN 5 THEN
        RETURN format('CREATE TABLE app.%s AS SELECT * FROM %s', name, parent::regclass);
    WHEN 6 THEN
        RETURN format('CREATE TABLE app.%s (id int, %s) PARTITION BY HASH (id);'
                      ' CREATE TABLE app.%1$s_a PARTITION OF app.%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 0);'
                      ' CREATE TABLE app.%1$s_b PARTITION OF app.%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 1)', name, body);
    WHEN 7 THEN
        RETURN format('CREATE TABLE app.%s (extra int) INHERITS (%s)', name, parent::regclass);
    ELSE -- another table's row as a column; pg_dump gives the columns of a child another order
        RETURN format('CREATE TABLE app.%s (id int PRIMARY KEY%s)', name, (SELECT format(', r %s', c.oid::regclass) FROM pg_class c
            WHERE c.oid = parent AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = parent AND NOT c.relispartition)));
    END CASE;
END $$;

CREATE FUNCTION chaos.alteration(seed bigint, step bigint, relation oid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    c record;
    kind text := chaos.type(seed, step, 'type');
    change text;
BEGIN
    SELECT * INTO c FROM chaos.column_of(seed, step, 'column', relation);
    change := CASE chaos.pick(seed, step, 'change', 22)
        WHEN 0 THEN format('ADD n%s %s', step, kind)
        WHEN 1 THEN format('ADD n%s int DEFAULT %s', step, step)
        WHEN 2 THEN format('ADD n%s text DEFAULT ''d%s "q" \ {}''', step, step)
        WHEN 3 THEN format('ADD n%s float8 DEFAULT random()', step) -- a rewrite that nobody tells
        WHEN 4 THEN format('DROP COLUMN %s', c.name)
        WHEN 5 THEN format('DROP COLUMN %s, ADD %s %s', c.name, c.name, kind)
        WHEN 6 THEN format('RENAME %s TO r%s', c.name, step)
        WHEN 7 THEN format('RENAME TO m%s', step)
        WHEN 8 THEN CASE c.type WHEN 'integer' THEN format('ALTER %s TYPE bigint', c.name)
            WHEN 'bigint' THEN format('ALTER %s TYPE numeric', c.name) ELSE format('ALTER %s TYPE text', c.name) END
        WHEN 9 THEN CASE c.type WHEN 'integer' THEN format('ALTER %s TYPE bigint', c.name) ELSE format('ALTER %s TYPE text', c.name) END
        WHEN 10 THEN CASE WHEN c.type IN ('integer', 'bigint') THEN format('ALTER %s TYPE bigint USING %s * 2', c.name, c.name)
            ELSE format('ALTER %s TYPE text USING md5(%s::text)', c.name, c.name) END
        WHEN 11 THEN format('ADD PRIMARY KEY (%s)', c.name)
        WHEN 12 THEN coalesce((SELECT format('DROP CONSTRAINT %I', conname) FROM pg_constraint
                               WHERE conrelid = relation AND contype = 'p'), 'REPLICA IDENTITY FULL')
        WHEN 13 THEN format('ADD UNIQUE (%s)', c.name)
        WHEN 14 THEN format('ALTER %s SET DEFAULT %s', c.name, chaos.value(seed, step, 'default', c.type))
        WHEN 15 THEN 'SET UNLOGGED'
        WHEN 16 THEN 'SET LOGGED'
        WHEN 17 THEN format('ALTER %s TYPE varchar(60)', c.name)
        WHEN 18 THEN format('ADD n%s int GENERATED ALWAYS AS (5) STORED', step)
        WHEN 19 THEN format('ALTER %s DROP EXPRESSION IF EXISTS', c.name)
        WHEN 20 THEN coalesce((SELECT format('DETACH PARTITION %s', inhrelid::regclass) FROM pg_inherits JOIN pg_class p ON p.oid = inhparent
                               WHERE inhparent = relation AND p.relkind = 'p' ORDER BY inhrelid::regclass::text LIMIT 1), 'SET (fillfactor = 70)')
        ELSE format('ADD n%s %s, DROP COLUMN %s', step, kind, c.name) END;
    RETURN format('ALTER TABLE %s %s', relation::regclass, change);
END $$;

CREATE FUNCTION chaos.type_change(seed bigint, step bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE chaos.pick(seed, step, 'what', 6)
        WHEN 0 THEN format('ALTER TYPE app.mood ADD VALUE IF NOT EXISTS ''label%s''', step)
        WHEN 1 THEN format('ALTER TYPE app.mood RENAME VALUE %L TO ''again%s''',
            (SELECT enumlabel FROM pg_enum WHERE enumtypid = 'app.mood'::regtype ORDER BY enumsortorder LIMIT 1), step)
        WHEN 2 THEN 'ALTER TYPE app.pair ADD ATTRIBUTE ' || chaos.one_of(seed, step, 'name', 'c', 'd') || ' int'
        WHEN 3 THEN 'ALTER TYPE app.pair DROP ATTRIBUTE IF EXISTS ' || chaos.one_of(seed, step, 'name', 'c', 'd', 'b')
        WHEN 4 THEN 'ALTER TYPE app.pair DROP ATTRIBUTE IF EXISTS c, ADD ATTRIBUTE c text'
        ELSE 'ALTER TYPE app.nested DROP ATTRIBUTE IF EXISTS m, ADD ATTRIBUTE m app.mood[]' END $$;

CREATE FUNCTION chaos.statement(seed bigint, step bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind bigint := chaos.pick(seed, step, 'kind', 100);
    r oid := chaos.table_of(seed, step, 'table', 'r');
    any_r oid := chaos.table_of(seed, step, 'table', 'rp');
    c record;
BEGIN
    IF r IS NULL OR kind < 9 THEN
        RETURN chaos.creation(seed, step);
    END IF;
    SELECT * INTO c FROM chaos.column_of(seed, step, 'column', r);
    CASE
    WHEN kind < 40 OR c.name IS NULL THEN
        RETURN chaos.insertion(seed, step, any_r);
    WHEN kind < 55 THEN
        RETURN format('UPDATE %s SET %s = %s WHERE abs(hashtextextended(ctid::text, %s)) %% 3 = 0', r::regclass, c.name,
                      chaos.value(seed, step, 'value', c.type), step);
    WHEN kind < 61 THEN
        RETURN format('DELETE FROM %s WHERE abs(hashtextextended(ctid::text, %s)) %% 4 = 0', r::regclass, step);
    WHEN kind < 63 THEN
        RETURN format('TRUNCATE %s', any_r::regclass);
    WHEN kind < 66 THEN
        RETURN format('DROP TABLE %s', any_r::regclass);
    WHEN kind < 90 THEN
        RETURN chaos.alteration(seed, step, any_r);
    WHEN kind < 94 THEN
        RETURN chaos.type_change(seed, step);
    WHEN kind < 96 THEN
        RETURN format('CREATE INDEX i%s ON %s (%s)', step, r::regclass, c.name);
    WHEN kind < 97 THEN
        RETURN format('CREATE OR REPLACE VIEW app.v%s AS SELECT * FROM %s', step, r::regclass);
    WHEN kind < 98 THEN
        RETURN format('CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS ''SELECT %s''', step);
    WHEN kind < 99 THEN
        RETURN format('DO $do$ BEGIN %s; EXCEPTION WHEN OTHERS THEN NULL; END $do$', chaos.alteration(seed, step, any_r));
    ELSE
        RETURN format('COMMENT ON TABLE %s IS ''%s''', any_r::regclass, step);
    END CASE;
END $$;
