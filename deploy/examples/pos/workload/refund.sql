-- A refund that is started twice: the first attempt is taken back to a savepoint, and now and then all of it is.
\set customer random(1, :customers)
\set outcome random(1, 4)
BEGIN;
SELECT coalesce(max(id), 1) AS order FROM "businessOrders" WHERE "customerId" = md5('customer-' || :customer)::uuid \gset
SAVEPOINT attempt;
UPDATE "businessOrders" SET status = 'cancelled', notes = 'wrong button' WHERE id = :order;
INSERT INTO "businessTransactions" ("businessId", "orderId", type, amount) SELECT "businessId", id, 'refund', -total FROM "businessOrders" WHERE id = :order;
ROLLBACK TO SAVEPOINT attempt;
UPDATE "businessOrders" SET status = 'refunded', "paymentStatus" = 'refunded' WHERE id = :order;
INSERT INTO "businessTransactions" ("businessId", "orderId", type, method, amount, "createdBy") SELECT "businessId", id, 'refund', "paymentMethod", -total, 'user-2' FROM "businessOrders" WHERE id = :order;
INSERT INTO "auditLogs" (action, "entityType", "entityId", "userId", "newValues") VALUES ('REFUND', 'businessOrders', :order::text, 'user-2', jsonb_build_object('order', :order));
\if :outcome = 1
ROLLBACK;
\else
COMMIT;
\endif
