-- A table orders, adds, changes its mind, pays.
\set table random(1, 12)
\set dish random(1, 28)
BEGIN;
INSERT INTO orders ("businessId", "tableNumber", "guestCount") VALUES (md5('business-2')::uuid, :table, 1 + :table % 4) RETURNING id AS order \gset
INSERT INTO "orderItems" ("orderId", line, "menuItemId", price, wishes) VALUES (:order, 1, md5('menu-' || :dish)::uuid, 7.5, NULL), (:order, 2, md5('menu-' || :dish + 1)::uuid, 4.25, 'no "onions"'), (:order, 3, md5('menu-' || :dish + 2)::uuid, 3, '');
DELETE FROM "orderItems" WHERE "orderId" = :order AND line = 2;
UPDATE "orderItems" SET line = 2 WHERE "orderId" = :order AND line = 3;
UPDATE orders SET status = 'completed', tip = :dish / 10.0 WHERE id = :order;
COMMIT;
INSERT INTO "wiFiUsageAnalytics" VALUES (md5('business-1')::uuid, '08:00:2b:01:02:03', date_trunc('minute', now() AT TIME ZONE 'UTC'), :table, 0.5);
