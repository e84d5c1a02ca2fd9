-- A stocktake: every product of one business is counted in one transaction; the device's queue is emptied by TRUNCATE.
\set business random(1, 3)
BEGIN;
INSERT INTO "businessStockMovements" ("businessId", "productId", type, quantity, reference) SELECT "businessId", id, 'count', 500 - "stockQuantity" + 0.001, 'stocktake' FROM "businessProducts" WHERE "businessId" = md5('business-' || :business)::uuid ORDER BY sku;
UPDATE "businessProducts" p SET "stockQuantity" = 500 FROM (SELECT id FROM "businessProducts" WHERE "businessId" = md5('business-' || :business)::uuid ORDER BY sku FOR UPDATE) o WHERE p.id = o.id;
DELETE FROM "wiFiUsageAnalytics" WHERE "recordedAt" < now() AT TIME ZONE 'UTC' - interval '3 days';
COMMIT;
TRUNCATE "offlineQueue" RESTART IDENTITY;
