-- What the application keeps in the database besides rows: a view, functions, triggers.

CREATE VIEW "dailySales" AS
SELECT o."businessId",
       (o."createdAt" AT TIME ZONE 'UTC')::date AS day,
       count(*) AS orders,
       sum(o.total) AS revenue,
       sum(o."taxAmount") AS tax
FROM "businessOrders" o
WHERE o.status = 'completed'
GROUP BY 1, 2;

-- The next receipt number of a business today: one row is locked, so that two tills never print the same one.
CREATE FUNCTION "nextReceiptNumber"(business uuid) RETURNS integer LANGUAGE sql AS $$
    INSERT INTO "receiptSequences" AS s ("businessId", day, "lastNumber") VALUES (business, CURRENT_DATE, 1)
    ON CONFLICT ("businessId", day) DO UPDATE SET "lastNumber" = s."lastNumber" + 1
    RETURNING "lastNumber"
$$;

-- Every change of a price is kept, whoever makes it.
CREATE FUNCTION "recordPriceChange"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO product_price_changes ("productId", "oldPrice", "newPrice", reason)
    VALUES (NEW.id, OLD."basePrice", NEW."basePrice", 'price changed');
    RETURN NULL;
END
$$;
CREATE TRIGGER "businessProducts_price" AFTER UPDATE OF "basePrice" ON "businessProducts"
    FOR EACH ROW WHEN (OLD."basePrice" IS DISTINCT FROM NEW."basePrice") EXECUTE FUNCTION "recordPriceChange"();

CREATE TRIGGER "users_touch" BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "businesses_touch" BEFORE UPDATE ON businesses FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "businessAccounts_touch" BEFORE UPDATE ON "businessAccounts"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "systemSettings_touch" BEFORE UPDATE ON "systemSettings"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "businessProducts_touch" BEFORE UPDATE ON "businessProducts"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "sku_sequences_touch" BEFORE UPDATE ON sku_sequences
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "businessCustomers_touch" BEFORE UPDATE ON "businessCustomers"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "businessOrders_touch" BEFORE UPDATE ON "businessOrders"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "customerLaybys_touch" BEFORE UPDATE ON "customerLaybys"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "employees_touch" BEFORE UPDATE ON employees FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "payrollAccounts_touch" BEFORE UPDATE ON "payrollAccounts"
    FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "projects_touch" BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "menuItems_touch" BEFORE UPDATE ON "menuItems" FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "orders_touch" BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
CREATE TRIGGER "nodeStates_touch" BEFORE UPDATE ON "nodeStates" FOR EACH ROW EXECUTE FUNCTION "touchUpdatedAt"();
