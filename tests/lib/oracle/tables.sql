-- What the random workload (workload.awk) works in: keys of one and of several columns, no key at all, values out of line,
-- partitions between which rows move, a sequence.
CREATE TABLE acct (id int PRIMARY KEY, owner text NOT NULL, balance numeric NOT NULL, note text);
CREATE TABLE item (a int, b int, v text, PRIMARY KEY (a, b));
CREATE TABLE bag (a int, b text);
CREATE TABLE doc (id int PRIMARY KEY, body text, n int NOT NULL);
ALTER TABLE doc ALTER body SET STORAGE EXTERNAL;
CREATE TABLE pile (a int, body text, n int); -- without a key, and out of line
ALTER TABLE pile ALTER body SET STORAGE EXTERNAL;
CREATE TABLE part (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (50);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (50) TO (100);
CREATE TABLE journal (id bigserial PRIMARY KEY, session int NOT NULL, what text);
CREATE TABLE marker (id int PRIMARY KEY);

INSERT INTO acct SELECT g, 'owner ' || g, g * 1.5, NULL FROM generate_series(1, 200) g;
INSERT INTO item SELECT g % 10, g, 'item ' || g FROM generate_series(1, 200) g;
INSERT INTO bag SELECT g % 7, 'b' || g % 3 FROM generate_series(1, 60) g;
INSERT INTO doc SELECT g, repeat(md5(g::text), 100), 0 FROM generate_series(1, 30) g;
INSERT INTO pile SELECT g % 5, repeat(md5((g % 5)::text), 100), 0 FROM generate_series(1, 20) g;
INSERT INTO part SELECT g, g % 100, 'p' || g FROM generate_series(1, 200) g;
