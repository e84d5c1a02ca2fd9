-- The back office works on the catalogue: new and discontinued products, changed keys, long texts that change or stay.
\set product random(1, :products)
\set temporary random(1, 20)
\set contract random(1, 24)
\set fresh random(1, 1000000000)
BEGIN;
INSERT INTO "businessProducts" ("businessId", sku, name, "basePrice", attributes) VALUES (md5('business-1')::uuid, 'NEW-' || :fresh, 'New ' || :fresh, 1, (SELECT jsonb_build_object('story', string_agg(md5(i::text || :fresh), ' ')) FROM generate_series(1, :fresh % 200) i)) ON CONFLICT DO NOTHING;
DELETE FROM "businessProducts" WHERE id IN (SELECT id FROM "businessProducts" WHERE sku LIKE 'NEW-%' ORDER BY "createdAt" OFFSET 20 LIMIT 2 FOR UPDATE SKIP LOCKED);
UPDATE "productAttributes" SET key = CASE key WHEN 'colour' THEN 'color' ELSE 'colour' END WHERE "productId" = md5('product-' || :product)::uuid AND key IN ('colour', 'color');
UPDATE sku_sequences SET prefix = CASE WHEN prefix LIKE 'TMP%' THEN 'OLD-' ELSE 'TMP-' END || :temporary, "currentSequence" = "currentSequence" + 1 WHERE "businessId" = md5('business-1')::uuid AND prefix IN ('TMP-' || :temporary, 'OLD-' || :temporary);
UPDATE "employeeContracts" SET version = version + 1 WHERE id = md5('contract-' || :contract)::uuid;
\if :fresh % 8 = 0
UPDATE "employeeContracts" SET "signedDocument" = (SELECT string_agg('Clause ' || i || ': ' || md5(i::text || :fresh), E'\n') FROM generate_series(1, 150) i) WHERE id = md5('contract-' || :contract)::uuid;
\endif
COMMIT;
