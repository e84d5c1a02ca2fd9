-- One round of changes (-v round=N) in the tables of tables.sql.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

UPDATE toast_key SET note = :'round' WHERE id % 4 = 0;
UPDATE toast_key SET plain = plain || :'round' WHERE id % 4 = 1;
UPDATE toast_key SET doc = NULL, list = list || :round WHERE id % 4 = 2;
UPDATE toast_key SET id = id + 100 * :round WHERE id % 5 = :round % 5; -- a key change that leaves the large values alone
UPDATE toast_key SET packed = repeat('abc', 80000 + :round), note = NULL WHERE id % 7 = 0;
DELETE FROM toast_key WHERE id % 11 = :round;
BEGIN; -- twice in one transaction, and a row made here
INSERT INTO toast_key (id, plain) VALUES (-:round, repeat(md5('new'), 500));
UPDATE toast_key SET note = 'second' WHERE id = -:round;
UPDATE toast_key SET id = id * 1000 WHERE id = -:round;
UPDATE toast_key SET note = 'third' WHERE id = -:round * 1000;
COMMIT;
UPDATE toast_full SET note = :'round' WHERE id % 4 = 0;
UPDATE toast_full SET plain = plain || :'round' WHERE id % 4 = 1;
DELETE FROM toast_full WHERE ctid IN (SELECT ctid FROM toast_full WHERE id = :round ORDER BY ctid LIMIT 1);

UPDATE ri_index SET a = a + 1000 WHERE a % 5 = :round % 5; -- the primary key, which is not the identity
UPDATE ri_index SET b = b || :'round' WHERE a % 5 = 1;
UPDATE ri_index SET c = -c WHERE a % 7 = 2;
DELETE FROM ri_index WHERE c % 11 = :round;
INSERT INTO ri_index VALUES (5000 + :round, '', 5000 + :round);
UPDATE ri_full SET v = v || :'round' WHERE id % 3 = 0;
UPDATE ri_full SET id = id + 100 WHERE id % 7 = :round;
DELETE FROM ri_full WHERE id % 6 = :round;
UPDATE ri_nothing SET v = v || :'round' WHERE id % 3 = 0;
UPDATE ri_nothing SET id = id + 100 WHERE id % 7 = :round;
DELETE FROM ri_nothing WHERE id % 6 = :round;
BEGIN; -- only a deferrable key lets two rows have one key for a moment
UPDATE ri_deferrable SET id = 21 - id;
UPDATE ri_deferrable SET id = 3 WHERE id = 4;
UPDATE ri_deferrable SET id = 4 WHERE id = 3 AND ctid = (SELECT min(ctid) FROM ri_deferrable WHERE id = 3);
COMMIT;
UPDATE ri_unique SET v = v || :'round' WHERE id IS NULL OR id % 2 = 0;
DELETE FROM ri_unique WHERE ctid = (SELECT min(ctid) FROM ri_unique WHERE id IS NULL);

INSERT INTO dup SELECT * FROM dup WHERE a = 1;
DELETE FROM dup WHERE ctid IN (SELECT ctid FROM dup WHERE a = 0 LIMIT 4);
UPDATE dup SET b = '' WHERE ctid IN (SELECT ctid FROM dup WHERE a = 2 AND b IS NULL LIMIT 3);
UPDATE dup SET c = 1.5 WHERE ctid IN (SELECT ctid FROM dup WHERE a = 1 AND c::text = '1.50' LIMIT 2); -- equal to 1.50, and not the same
UPDATE dup SET a = a WHERE a = 2;
INSERT INTO dup_nothing_in_it SELECT;
DELETE FROM dup_nothing_in_it WHERE ctid IN (SELECT ctid FROM dup_nothing_in_it LIMIT 2);

UPDATE "Läden & ""mehr"""."tab.le 'x' \ 日本" SET "select" = '日本' || :'round' WHERE "Schlüssel id" % 2 = 0;
UPDATE "Läden & ""mehr"""."tab.le 'x' \ 日本" SET "a""b" = E'\t\\' || :'round' WHERE "Schlüssel id" % 3 = 0;
DELETE FROM "Läden & ""mehr"""."tab.le 'x' \ 日本" WHERE "Schlüssel id" = :round;
INSERT INTO "Läden" VALUES (:round, '😀');

UPDATE part SET day = day + 200 WHERE id % 6 = :round; -- into other partitions
UPDATE part SET region = 's' WHERE region = 'n' AND id % 5 = :round % 5;
UPDATE part SET v = v || :'round' WHERE id % 4 = 0;
UPDATE part SET id = id + 1000 WHERE id % 13 = :round;
DELETE FROM part WHERE id % 17 = :round;
INSERT INTO part VALUES (2000 + :round, '2031-01-01', 'w', NULL), (2000 + :round, '2025-05-05', 'w', '');
UPDATE part_keyless SET a = a + 1 WHERE b = 'x';
DELETE FROM part_keyless WHERE a = 3;
INSERT INTO part_keyless VALUES (3, 'x'), (3, 'x');

UPDATE parent SET v = v || :'round' WHERE id % 2 = 0; -- reaches the child's rows, too
UPDATE child SET extra = :'round' WHERE id % 3 = 0;
DELETE FROM parent WHERE id % 10 = :round;
DELETE FROM ONLY parent WHERE id = 9;
INSERT INTO parent VALUES (500 + :round, 'new');
INSERT INTO child VALUES (600 + :round, 'new', NULL);

INSERT INTO gen (n) VALUES (:round), (NULL);
INSERT INTO gen (id, n) OVERRIDING SYSTEM VALUE VALUES (10000 + :round, 1);
UPDATE gen SET n = n + 1 WHERE id % 2 = 0;
UPDATE gen SET id = DEFAULT WHERE id = 5 * :round;
UPDATE gen_first SET n = 'B' || n WHERE m % 3 = :round % 3;
UPDATE gen_first SET m = m + 100 WHERE m = :round;
UPDATE wide SET c700 = :round WHERE id = 1;
INSERT INTO wide (id, c2) VALUES (10 + :round, :round);
UPDATE people SET born = NULL WHERE name = 'ann';
INSERT INTO people VALUES ('p' || :'round', 'infinity');

INSERT INTO trunc_a (v) SELECT 'a' FROM generate_series(1, 5);
INSERT INTO trunc_b (a) SELECT id FROM trunc_a;
INSERT INTO trunc_c VALUES (:'round'), (:'round');
SELECT nextval('lonely') \g /dev/null
SELECT :round % 3 = 1 AS plain, :round % 3 = 2 AS cascade \gset
\if :plain
BEGIN; INSERT INTO trunc_c VALUES ('before'); TRUNCATE trunc_c, dup; INSERT INTO trunc_c VALUES ('after'); INSERT INTO dup VALUES (1, 'x', 1.50); COMMIT;
TRUNCATE part_old;
TRUNCATE ONLY parent;
\elif :cascade
TRUNCATE trunc_a, trunc_c RESTART IDENTITY CASCADE;
TRUNCATE part;
INSERT INTO part VALUES (1, '2025-02-02', 'n', 'x');
TRUNCATE parent; -- and with it the child
\endif

INSERT INTO unlogged VALUES (:round);
