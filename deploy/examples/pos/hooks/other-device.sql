-- The rows came from another device: what a device keeps about itself begins anew, under the node that this one is.

-- No sync state of anybody's.
DELETE FROM public."syncEvents";
DELETE FROM public."fullSyncSessions";
DELETE FROM public."syncSessions";
DELETE FROM public."offlineQueue";
DELETE FROM public."networkPartitions";

-- The new node.
INSERT INTO public."syncNodes" ("nodeId", "nodeName", "isActive", "lastSeen")
VALUES (current_setting('pgstrand.node')::uuid, current_setting('pgstrand.device_name'), true, now())
ON CONFLICT ("nodeId") DO UPDATE SET "nodeName" = excluded."nodeName", "isActive" = true, "lastSeen" = excluded."lastSeen";

-- Its state.
INSERT INTO public."nodeStates" ("nodeId", state, "updatedAt")
VALUES (current_setting('pgstrand.node')::uuid, 'IDLE', now())
ON CONFLICT ("nodeId") DO UPDATE SET state = 'IDLE', "vectorClock" = '{}', "pendingEvents" = 0, "updatedAt" = excluded."updatedAt";

-- Its metrics, from zero.
DELETE FROM public."syncMetrics" WHERE "nodeId" = current_setting('pgstrand.node')::uuid;
INSERT INTO public."syncMetrics" ("nodeId", metric, value)
VALUES (current_setting('pgstrand.node')::uuid, 'successfulSyncs', 0), (current_setting('pgstrand.node')::uuid, 'failedSyncs', 0);

-- Its configuration: every five minutes, on.
INSERT INTO public."syncConfigurations" ("nodeId", key, value)
VALUES (current_setting('pgstrand.node')::uuid, 'syncInterval', '300000'), (current_setting('pgstrand.node')::uuid, 'enabled', 'true')
ON CONFLICT ("nodeId", key) DO UPDATE SET value = excluded.value;
