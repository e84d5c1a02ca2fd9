-- Every type that a column can have, with two values each, in tables that are made from the one list:
--   typed         a primary key and, for each type, a column and a column of arrays
--   typed_full    the same without a key: old rows come whole
--   key_N         one for each type that can be a key
-- Rows: 1 and 2 the two values, 3 all NULL, 4 empty arrays.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET intervalstyle = postgres;
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
SELECT count(*) > 0 AS has_postgis FROM pg_available_extensions WHERE name = 'postgis' \gset
\if :has_postgis
CREATE EXTENSION postgis;
\endif

CREATE SCHEMA odd;
CREATE TYPE odd."Stimmung" AS ENUM ('gut', 'it''s, "so" (so)', '', 'größer');
CREATE TYPE odd.inner_pair AS (a int, b text);
CREATE TYPE odd.outer_pair AS (p odd.inner_pair, list odd.inner_pair[], m odd."Stimmung", r numrange);
CREATE DOMAIN odd.posint AS int CHECK (VALUE > 0);
CREATE DOMAIN odd.ints AS int[] CHECK (array_length(VALUE, 1) < 100);
CREATE DOMAIN odd.pairdom AS odd.inner_pair;
CREATE DOMAIN odd.over AS odd.posint CHECK (VALUE < 1000000);
CREATE TYPE odd.textrange AS RANGE (subtype = text, collation = "C", multirange_type_name = odd.textranges);

CREATE TABLE public.kinds (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, type text NOT NULL, one text NOT NULL, two text NOT NULL);
INSERT INTO kinds (type, one, two) VALUES
    ('bool', 't', 'f'), ('"char"', 'x', '\377'), ('name', 'nämé', ''), ('int2', '-32768', '32767'), ('int4', '-2147483648', '0'),
    ('int8', '-9223372036854775808', '9223372036854775807'), ('oid', '0', '4294967295'), ('float4', 'NaN', '-1.17549435e-38'),
    ('float8', '-Infinity', '-0'), ('numeric', 'NaN', '-Infinity'), ('numeric(40,20)', '0.00000000000000000001', '-99999999999999999999.5'),
    ('money', '-92233720368547758.08', '$1,234.50'), ('text', '', E'tab\t newline\n \\N \\. cr\r quote" 日本 😀'), ('varchar(20)', '\N', ' '),
    ('char(5)', 'a', ''), ('bpchar', 'trail ', ''), ('bytea', '', '\x00ff5c0a'), ('date', 'infinity', '4713-01-01 BC'),
    ('time', '24:00:00', '00:00:00.000001'), ('timetz', '23:59:59.999999-15:59', '00:00+15:59'),
    ('timestamp', '-infinity', '294276-12-31 23:59:59.999999'), ('timestamptz', 'infinity', '0044-03-15 12:00:00+00 BC'),
    ('timestamp(0)', '2026-02-28 23:59:59', 'infinity'),
    ('interval', '-178000000 years', '1 mon -1 days +00:00:00.000001'), ('uuid', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('json', '{"a" :  1, "a": [null, "\u00e9"]}', '""'), ('jsonb', '{"b": 1.50, "a": {}}', 'null'), ('bit(3)', '101', '000'),
    ('varbit', '', '10101'), ('inet', '::ffff:1.2.3.4/100', '192.168.0.1'), ('cidr', '10.0.0.0/8', '2001:db8::/32'),
    ('macaddr', '08:00:2b:01:02:03', '00:00:00:00:00:00'), ('macaddr8', '08:00:2b:01:02:03:04:05', 'ff:ff:ff:ff:ff:ff:ff:ff'),
    ('point', '(NaN,Infinity)', '(1e-300,-0)'), ('line', '{1,-1,0}', '{0.1,0,3}'), ('lseg', '[(0,0),(1,1)]', '[(1,2),(3,4)]'),
    ('box', '(2,2),(1,1)', '(0,0),(0,0)'), ('path', '[(0,0),(1,1)]', '((0,0),(1,1))'), ('polygon', '((0,0),(1,0),(1,1))', '((5,5))'),
    ('circle', '<(1,2),3>', '<(0,0),0>'), ('tsvector', '''a'':1A,2 ''b''''c''', ''), ('tsquery', '!''a'' & ''b'':*B', ''),
    ('pg_lsn', '0/0', 'FFFFFFFF/FFFFFFFF'), ('xid', '0', '4294967295'), ('xid8', '0', '18446744073709551615'), ('cid', '0', '7'),
    ('tid', '(0,1)', '(4294967295,65535)'), ('txid_snapshot', '10:20:10,14,15', '1:1:'), ('pg_snapshot', '10:20:10,14,15', '1:1:'),
    ('refcursor', 'c', ''), ('oidvector', '1 2 3', ''), ('int2vector', '1 -2', ''), ('jsonpath', '$."a"[*]?(@ > 1)', '$'),
    ('xml', '<a b="c">d</a>', 'text'), ('aclitem', 'postgres=arwdDxt/postgres', '=r/postgres'), ('regclass', 'kinds', 'pg_class'),
    ('regtype', 'odd.inner_pair', 'integer[]'), ('regproc', 'pg_catalog.now', '-'), ('regprocedure', 'lower(text)', '-'),
    ('regoper', 'pg_catalog.||/', '0'), ('regoperator', '+(integer,integer)', '0'), ('regrole', 'postgres', '-'), ('regnamespace', 'odd', 'public'),
    ('regconfig', 'simple', 'english'), ('regdictionary', 'simple', 'english_stem'), ('regcollation', '"C"', '"default"'),
    ('int4range', 'empty', '[1,)'), ('int8range', '(,5)', '[1,2)'), ('numrange', '[1.50,2.5]', '(,)'), ('daterange', '[infinity,)', '[2020-01-01,2020-02-01)'),
    ('tsrange', '["2020-01-01 00:00:00",infinity]', 'empty'), ('tstzrange', '["2020-01-01 00:00:00+02",)', '(,)'),
    ('int4multirange', '{}', '{[1,3),[5,)}'), ('int8multirange', '{(,)}', '{[1,2)}'), ('nummultirange', '{[1.5,2.5),(3,4]}', '{}'),
    ('datemultirange', '{[2020-01-01,2020-02-01)}', '{}'), ('tsmultirange', '{["2020-01-01 00:00:00",)}', '{}'),
    ('tstzmultirange', '{["2020-01-01 00:00:00+02",)}', '{}'),
    ('odd."Stimmung"', 'it''s, "so" (so)', ''), ('odd.inner_pair', '(1,)', '(,"a ""b"" \\ (c)")'),
    ('odd.outer_pair', '("(1,x)","{""(1,a)"",NULL,""(,)""}",größer,"[1,2)")', '(,,,)'), ('odd.posint', '1', '2147483647'),
    ('odd.ints', '{1,NULL,3}', '[0:1]={4,5}'), ('odd.pairdom', '(7,"seven,")', '(,)'), ('odd.over', '999999', '1'),
    ('odd.textrange', '["a,b","c""d")', 'empty'), ('odd.textranges', '{[a,b),["c ",d]}', '{}'),
    ('hstore', '"a"=>NULL, "b\"c"=>"", "é"=>"x=>y"', ''), ('citext', 'MiXed', ''), ('ltree', 'Top.Science', '');
\if :has_postgis
INSERT INTO kinds (type, one, two) VALUES ('geometry', 'POINT(1 2)', 'SRID=4326;POLYGON((0 0,1 0,1 1,0 0))'), ('geography', 'POINT(1 2)', 'LINESTRING(0 0,1 1)');
\endif
SELECT pg_type_is.has_interval_infinity FROM (SELECT current_setting('server_version_num')::int >= 170000 AS has_interval_infinity) pg_type_is \gset
\if :has_interval_infinity
UPDATE kinds SET one = '-infinity' WHERE type = 'interval';
\endif

-- The statements that work on all columns are written here, once, from the list.
CREATE FUNCTION odd.columns(form text) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(replace(replace(form, '#', n::text), '@@', type), ', ' ORDER BY n) FROM public.kinds $$;
DO $$
DECLARE
    k record;
    t text;
BEGIN
    EXECUTE 'CREATE TABLE typed (id int PRIMARY KEY, ' || odd.columns('v# @@, a# @@[]') || ')';
    EXECUTE 'CREATE TABLE typed_full (id int, ' || odd.columns('v# @@, a# @@[]') || ')';
    FOREACH t IN ARRAY ARRAY['typed', 'typed_full'] LOOP
        EXECUTE format('INSERT INTO %I SELECT 1, %s', t, (SELECT string_agg(format('%L::%s, ARRAY[%L, NULL, %L]::%s[]', one, type, one, two, type), ', ' ORDER BY n) FROM kinds));
        EXECUTE format('INSERT INTO %I SELECT 2, %s', t, (SELECT string_agg(format('%L::%s, ARRAY[[%L], [%L]]::%s[]', two, type, two, one, type), ', ' ORDER BY n) FROM kinds));
        EXECUTE format('INSERT INTO %I (id) VALUES (3)', t);
        EXECUTE format('INSERT INTO %I (id, %s) SELECT 4, %s', t, odd.columns('a#'), odd.columns($q$'{}'::@@[]$q$));
    END LOOP;
    FOR k IN SELECT * FROM kinds LOOP
        BEGIN
            EXECUTE format('CREATE TABLE key_%s (k %s PRIMARY KEY, v text)', k.n, k.type);
            EXECUTE format('INSERT INTO key_%s VALUES (%L, NULL), (%L, '''')', k.n, k.one, k.two);
        EXCEPTION WHEN undefined_object OR undefined_function THEN
            NULL; -- no operator class: it cannot be a key
        END;
    END LOOP;
END $$;
