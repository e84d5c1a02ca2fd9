-- Transient rows: sign in, work, sign out. None of this may ever be stored anywhere.
\set user random(1, 10)
\set token random(1, 1000000000)
INSERT INTO sessions (id, "sessionToken", "userId", expires) VALUES ('session-' || :token, 'TRANSIENT-' || md5(:token::text), 'user-' || :user, now() + interval '1 hour') ON CONFLICT DO NOTHING;
UPDATE sessions SET data = jsonb_build_object('marker', 'TRANSIENT-ROW', 'cart', repeat('x', :token % 300)) WHERE id = 'session-' || :token;
INSERT INTO "chatMessages" ("roomId", "userId", message) VALUES (md5('room-1')::uuid, 'user-' || :user, 'TRANSIENT-MESSAGE ' || :token);
DELETE FROM sessions WHERE ctid IN (SELECT ctid FROM sessions WHERE id LIKE 'session-_____%' ORDER BY expires LIMIT 1 FOR UPDATE SKIP LOCKED);
