-- One round of changes in the tables of types.sql: values exchanged, copied, set to NULL, old ones deleted, keys changed.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET lc_monetary = 'C'; -- the values below are told in that form
DO $$
DECLARE
    t text;
    k record;
BEGIN
    FOREACH t IN ARRAY ARRAY['typed', 'typed_full'] LOOP
        EXECUTE format('INSERT INTO %I (id, %s) SELECT id + (SELECT max(id) FROM %I), %s FROM %I WHERE id <= 4', t,
            odd.columns('v#, a#'), t, odd.columns('v#, a#'), t);
        EXECUTE format('UPDATE %I t SET (%s) = (SELECT %s FROM %I o WHERE o.id = 3 - t.id) WHERE id IN (1, 2)', t,
            odd.columns('v#, a#'), odd.columns('v#, a#'), t);
        EXECUTE format('UPDATE %I SET %s WHERE id %% 4 = 2 AND id > 4', t, odd.columns('v# = NULL'));
        EXECUTE format('UPDATE %I SET id = id + 1000 WHERE id %% 4 = 1 AND id BETWEEN 4 AND 999', t);
        EXECUTE format('DELETE FROM %I WHERE id %% 8 = 7', t);
    END LOOP;
    -- Each of the two rows gets the other's key and goes back, one of them away and in again.
    FOR k IN SELECT kinds.*, c.oid::regclass AS tab FROM kinds JOIN pg_class c ON c.relname = 'key_' || n AND c.relkind = 'r' LOOP
        EXECUTE format('UPDATE %s SET v = coalesce(v, ''was null'') || ''!''', k.tab);
        EXECUTE format('DELETE FROM %s WHERE k = %L::%s', k.tab, k.one, k.type);
        EXECUTE format('UPDATE %s SET k = %L', k.tab, k.one);
        EXECUTE format('INSERT INTO %s VALUES (%L, ''again'')', k.tab, k.two);
    END LOOP;
END $$;
