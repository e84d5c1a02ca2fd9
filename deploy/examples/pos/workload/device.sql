-- This device's own sync traffic: must stay on this device.
\set node random(1, 2)
\set record random(1, 100000)
BEGIN;
INSERT INTO "syncEvents" ("sourceNodeId", "tableName", "recordId", operation, "changeData") VALUES (md5('node-' || :node)::uuid, 'businessOrders', :record::text, 'UPDATE', jsonb_build_object('DEVICE-MARKER', :record));
UPDATE "syncEvents" SET processed = true WHERE id = (SELECT id FROM "syncEvents" WHERE NOT processed ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
INSERT INTO "syncMetrics" ("nodeId", metric, value) VALUES (md5('node-' || :node)::uuid, 'lag', :record % 10);
INSERT INTO "offlineQueue" (operation, payload) VALUES ('upload', jsonb_build_object('record', :record));
UPDATE "nodeStates" SET "pendingEvents" = "pendingEvents" + 1, "vectorClock" = jsonb_build_object('till-1', :record) WHERE "nodeId" = md5('node-' || :node)::uuid;
COMMIT;
