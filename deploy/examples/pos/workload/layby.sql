-- A customer pays off a layby; a paid one is collected (deleted with its payments) and a new one begins.
\set layby random(1, 30)
\set customer random(1, :customers)
BEGIN;
INSERT INTO "customerLaybyPayments" ("laybyId", amount, method, "receiptNumber") SELECT id, 45, 'mobileMoney', 'LP-' || :customer FROM "customerLaybys" WHERE id = md5('layby-' || :layby)::uuid FOR UPDATE;
UPDATE "customerLaybys" SET "totalPaid" = "totalPaid" + 45, status = CASE WHEN "totalPaid" + 45 >= "totalAmount" THEN 'completed' ELSE status END WHERE id = md5('layby-' || :layby)::uuid;
DELETE FROM "customerLaybys" WHERE id = md5('layby-' || :layby)::uuid AND status = 'completed';
INSERT INTO "customerLaybys" (id, "businessId", "customerId", "laybyNumber", items, "totalAmount", "depositAmount", "dueDate") VALUES (md5('layby-' || :layby)::uuid, md5('business-1')::uuid, md5('customer-' || :customer)::uuid, 'LB-' || :layby, '[{"sku": "SKU-000002"}]', 400, 40, CURRENT_DATE + 60) ON CONFLICT DO NOTHING;
COMMIT;
