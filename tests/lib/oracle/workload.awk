# The statements of one session in one round of the random workload: the same for the same -v seed, session and round, whatever
# awk runs it. -v count is the number of transactions. Statements may fail (a key that is there, a deadlock, a timeout): their
# transaction is then rolled back by the server, which is part of the game.

# A linear congruential generator of 32 bits (Knuth's table, from VAX MTH$RANDOM): the product stays below 2^53, so that doubles
# are exact. Its upper bits are the good ones.
function random(n) {
    x = (x * 69069 + 1) % 4294967296
    return int(x / 65536) % n
}
function chance(percent) { return random(100) < percent }
function text() { return words[random(nwords)] " " random(1000) }

function change(    k) {
    k = random(24)
    if (k < 3) return "INSERT INTO acct VALUES (" random(400) ", '" text() "', " random(10000) / 4 ", " (chance(30) ? "NULL" : "'" text() "'") ")"
    if (k < 6) return "UPDATE acct SET balance = balance + " random(100) ", note = " (chance(20) ? "NULL" : "'" text() "'") " WHERE id < 2000 AND id % 20 = " random(20)
    if (k == 6) return "UPDATE acct SET id = id + 1000 WHERE id = " random(400)
    if (k == 7) return "DELETE FROM acct WHERE id = " random(1400)
    if (k < 10) return "UPDATE item SET b = b + 1000, v = '" text() "' WHERE a = " random(10) " AND b = " random(2000)
    if (k == 10) return "INSERT INTO item VALUES (" random(10) ", " random(1000) ", '" text() "') ON CONFLICT (a, b) DO UPDATE SET v = 'again ' || excluded.v"
    if (k == 11) return "DELETE FROM item WHERE b % 37 = " random(37)
    if (k < 14) return "INSERT INTO bag SELECT " random(7) ", " (chance(20) ? "NULL" : "'b" random(3) "'") " FROM generate_series(1, " 1 + random(4) ")"
    if (k == 14) return "UPDATE bag SET b = 'u" random(3) "' WHERE ctid IN (SELECT ctid FROM bag WHERE a = " random(7) " LIMIT 2)"
    if (k == 15) return "DELETE FROM bag WHERE ctid IN (SELECT ctid FROM bag WHERE a = " random(7) " LIMIT 2)"
    if (k == 16) return "UPDATE doc SET n = n + 1 WHERE id % 10 = " random(10)
    if (k == 17) return "UPDATE doc SET id = id + 500, n = " random(9) " WHERE id = " random(60)
    if (k == 18) return "INSERT INTO doc VALUES (" random(60) ", repeat(md5('" random(9) "'), " 80 + random(100) "), 0) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
    if (k == 19) return chance(50) ? "UPDATE pile SET n = n + 1 WHERE a = " random(5) : "INSERT INTO pile SELECT a, body, 0 FROM pile WHERE a = " random(5) " LIMIT 2"
    if (k == 20) return "UPDATE part SET k = " random(100) ", v = '" text() "' WHERE id = " random(220)
    if (k == 21) return "DELETE FROM part WHERE id = " random(220)
    if (k == 22) return "INSERT INTO journal (session, what) VALUES (" session ", '" text() "')"
    if (chance(15)) return random(2) ? "TRUNCATE bag" : "TRUNCATE journal, pile RESTART IDENTITY"
    k = random(2) # not in a savepoint: agent/capture/README.md, what a stream does not tell
    return "SELECT pg_logical_emit_message(" (k && !nested ? "true" : "false") ", 'load', 'hello')"
}

function large(    from) {
    from = 100000 + random(50) * 1000
    if (chance(70)) return "INSERT INTO acct SELECT g, 'large ' || g, g, NULL FROM generate_series(" from ", " from + 900 ") g ON CONFLICT DO NOTHING"
    return "DELETE FROM acct WHERE id BETWEEN 100000 AND " from
}

# Savepoints nest; what is inside is kept or rolled back.
function block(depth,    n) {
    for (n = 1 + random(4); n > 0; n--) {
        if (depth < 3 && chance(20)) {
            print "SAVEPOINT s" depth ";"
            nested++
            block(depth + 1)
            nested--
            print (chance(50) ? "ROLLBACK TO" : "RELEASE") " s" depth ";"
        } else
            print (chance(6) ? large() : change()) ";"
        if (chance(15))
            printf "SELECT pg_sleep(0.0%d);\n", random(6)
    }
}

BEGIN {
    x = (seed * 7919 + session * 104729 + round * 15485863 + 1) % 4294967296
    for (n = 0; n < 8; n++)
        random(2)
    nwords = split("plain|it''s|back\\slash|größe|\"quoted\"|a=b|[x]:y|   |null|unchanged-toast-datum|日本語|{\"j\": 1}", words, "|")
    words[0] = "zero"
    print "SET lock_timeout = '300ms'; SET deadlock_timeout = '30ms'; SET client_min_messages = error;"
    for (t = 1; t <= count; t++) {
        if (chance(30)) {
            print change() ";"
            continue
        }
        print "BEGIN" (chance(10) ? " ISOLATION LEVEL REPEATABLE READ" : "") ";"
        block(0)
        if (chance(5)) {
            name = "p" session "_" round "_" t
            print "PREPARE TRANSACTION '" name "';"
            printf "SELECT pg_sleep(0.0%d);\n", random(9)
            print (chance(70) ? "COMMIT" : "ROLLBACK") " PREPARED '" name "';"
        } else
            print (chance(15) ? "ROLLBACK" : "COMMIT") ";"
    }
}
