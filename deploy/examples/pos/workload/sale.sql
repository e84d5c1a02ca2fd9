-- A sale at a till: order, items, stock, payment, the customer's points and the account, in one transaction.
-- Products are taken from three thirds of the range in order, so that concurrent tills lock them in the same order.
\set p1 random(1, :products / 3)
\set p2 random(:products / 3 + 1, :products * 2 / 3)
\set p3 random(:products * 2 / 3 + 1, :products)
\set business random(1, 3)
\set customer random(1, :customers)
\set employee random(1, 24)
BEGIN;
SELECT "nextReceiptNumber"(md5('business-' || :business)::uuid) AS receipt \gset
INSERT INTO "businessOrders" ("businessId", "orderNumber", "customerId", "employeeId", status, "paymentStatus", "paymentMethod", attributes) VALUES (md5('business-' || :business)::uuid, 'R-' || CURRENT_DATE || '-' || :receipt, CASE WHEN :customer % 2 = 0 THEN md5('customer-' || :customer)::uuid END, md5('employee-' || :employee)::uuid, 'open', 'pending', NULL, jsonb_build_object('till', 1 + :employee % 3)) RETURNING id AS order \gset
INSERT INTO "businessOrderItems" ("orderId", "productId", quantity, "unitPrice") SELECT :order, p.id, q.quantity, p."basePrice" FROM (VALUES (:p1, 1), (:p2, 2), (:p3, 0.5)) AS q (n, quantity) JOIN "businessProducts" p ON p.id = md5('product-' || q.n)::uuid;
UPDATE "businessProducts" SET "stockQuantity" = "stockQuantity" - 1 WHERE id = md5('product-' || :p1)::uuid;
UPDATE "businessProducts" SET "stockQuantity" = "stockQuantity" - 2 WHERE id = md5('product-' || :p2)::uuid;
UPDATE "businessProducts" SET "stockQuantity" = "stockQuantity" - 0.5 WHERE id = md5('product-' || :p3)::uuid;
INSERT INTO "businessStockMovements" ("businessId", "productId", type, quantity, reference, "employeeId") SELECT p."businessId", i."productId", 'sale', -i.quantity, 'order ' || :order, md5('employee-' || :employee)::uuid FROM "businessOrderItems" i JOIN "businessProducts" p ON p.id = i."productId" WHERE i."orderId" = :order;
UPDATE "businessOrders" o SET status = 'completed', "paymentStatus" = 'paid', "paymentMethod" = CASE WHEN :p1 % 3 = 0 THEN 'card' ELSE 'cash' END::"paymentMethod", subtotal = s.total, "taxAmount" = round(s.total * 0.15, 2) FROM (SELECT sum("lineTotal") AS total FROM "businessOrderItems" WHERE "orderId" = :order) s WHERE o.id = :order;
UPDATE "businessCustomers" SET "loyaltyPoints" = "loyaltyPoints" + 3, "totalSpent" = "totalSpent" + (SELECT total FROM "businessOrders" WHERE id = :order) WHERE id = md5('customer-' || :customer)::uuid AND :customer % 2 = 0;
UPDATE "businessAccounts" SET balance = balance + (SELECT total FROM "businessOrders" WHERE id = :order) WHERE "businessId" = md5('business-' || :business)::uuid;
INSERT INTO "businessTransactions" ("businessId", "orderId", type, method, amount, "balanceAfter", "createdBy") SELECT o."businessId", o.id, 'sale', o."paymentMethod", o.total, a.balance, 'user-4' FROM "businessOrders" o JOIN "businessAccounts" a USING ("businessId") WHERE o.id = :order;
COMMIT;
