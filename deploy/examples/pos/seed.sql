-- First rows for the point-of-sale example: four businesses with their people, products, orders and devices.
--
--     psql -X -v ON_ERROR_STOP=1 -1 -d shop -v scale=1 -f seed.sql
--
-- Identifiers are derived from numbers, md5('product-7')::uuid, so that the workload finds rows without asking for them.
-- scale 1 is 400 products, 200 customers and 600 orders.

SET client_min_messages = warning;
\if :{?scale}
\else
\set scale 1
\endif

-- A1

INSERT INTO users (id, email, name, role, preferences)
SELECT 'user-' || n, 'user' || n || '@shop.example', (ARRAY['Ann Moyo', 'Bongani Dube', 'Chipo Ncube', 'Dan Sibanda', 'Éva Kiss',
       'Farai Ndlovu', 'Grace Phiri', 'Hans Müller', 'Ivy O''Brien', '田中 花子'])[n],
       CASE WHEN n = 1 THEN 'admin' WHEN n <= 3 THEN 'manager' ELSE 'cashier' END,
       jsonb_build_object('theme', CASE WHEN n % 2 = 0 THEN 'dark' ELSE 'light' END, 'pageSize', 25)
FROM generate_series(1, 10) n;

INSERT INTO businesses (id, name, "shortName", type, "ownerId", address, phone, currency, "taxRate", "isDemo")
VALUES (md5('business-1')::uuid, 'Corner Grocery', 'CORNER', 'grocery', 'user-1', ROW('1 Main St', 'Harare', 'ZW'), '+263 4 100100', 'USD', 0.15, false),
       (md5('business-2')::uuid, 'Umoja Restaurant', 'UMOJA', 'restaurant', 'user-1', ROW('7 River Rd', 'Bulawayo', 'ZW'), '+263 9 200200', 'USD', 0.15, false),
       (md5('business-3')::uuid, 'BuildRight', 'BUILD', 'construction', 'user-2', ROW('22 "Stone" Ave, Unit 3', 'Mutare', 'ZW'), NULL, 'ZAR', 0, false),
       (md5('business-4')::uuid, 'Demo Shop', 'DEMO', 'clothing', 'user-1', NULL, NULL, 'USD', 0.2, true);

UPDATE users SET "defaultBusinessId" = md5('business-' || 1 + length(id) % 3)::uuid;

INSERT INTO accounts ("userId", provider, "providerAccountId", "expiresAt", scope)
SELECT id, 'google', 'g-' || id, '2027-01-01Z', '{email,profile}' FROM users WHERE id IN ('user-1', 'user-2', 'user-3');

INSERT INTO "businessMemberships" ("userId", "businessId", role)
SELECT u.id, b.id, CASE WHEN u.id = b."ownerId" THEN 'owner' ELSE 'employee' END FROM users u CROSS JOIN businesses b;

INSERT INTO "businessAccounts" ("businessId", balance) SELECT id, 10000 FROM businesses;

INSERT INTO "businessLocations" ("businessId", "locationCode", name, coordinates)
SELECT id, 'MAIN', name || ' main floor', point(-17.83, 31.05) FROM businesses;

INSERT INTO "businessBrands" (id, "businessId", name)
SELECT md5('brand-' || n)::uuid, md5('business-1')::uuid, 'Brand ' || n FROM generate_series(1, 12) n;

INSERT INTO "businessCategories" (id, "businessId", name, emoji, "sortOrder")
SELECT md5('category-' || n)::uuid, md5('business-' || 1 + n % 3)::uuid, (ARRAY['Bakery', 'Dairy', 'Drinks', 'Tools', 'Snacks', 'Produce',
       'Frozen', 'Cleaning', 'Stationery'])[n], (ARRAY['🍞', '🥛', '🥤', '🔧', '🍿', '🥬', '🧊', '🧽', '✏️'])[n], n
FROM generate_series(1, 9) n;

INSERT INTO "portalIntegrations" ("businessId", "portalIp", "apiKeyHash", "showTokensInPos")
VALUES (md5('business-1')::uuid, '192.168.0.120', decode(md5('key'), 'hex'), true);

-- A14

INSERT INTO "systemSettings" (key, value, description)
VALUES ('sync.enabled', 'true', 'Devices exchange changes'), ('ui.currency', '"USD"', NULL), ('till.limits', '{"cash": 500, "card": null}', '');
INSERT INTO "emojiLookup" VALUES ('🍞', 'bread', '{bakery,loaf}'), ('🥛', 'milk', '{dairy}'), ('🚚', 'truck', '{}');
INSERT INTO "jobTitles" (id, title, department, level, responsibilities)
VALUES (md5('title-1')::uuid, 'Cashier', 'Front', 1, '{"takes payments","counts the till"}'),
       (md5('title-2')::uuid, 'Shop manager', 'Front', 3, '{}'), (md5('title-3')::uuid, 'Driver', 'Fleet', 1, '{}');
INSERT INTO "compensationTypes" (id, name, frequency, "baseAmount")
VALUES (md5('pay-1')::uuid, 'Monthly', 'monthly', 450), (md5('pay-2')::uuid, 'Hourly', 'hourly', 3.25);
INSERT INTO "benefitTypes" (id, name, "isPercentage", "defaultAmount")
VALUES (md5('benefit-1')::uuid, 'Medical aid', false, 40), (md5('benefit-2')::uuid, 'Pension', true, 5);
INSERT INTO "idFormatTemplates" (id, name, "countryCode", pattern, example)
VALUES (md5('idformat-1')::uuid, 'National ID', 'ZW', '^\d{2}-\d{6,7} [A-Z] \d{2}$', '63-123456 A 42');
INSERT INTO "driverLicenseTemplates" (id, "countryCode", name, pattern)
VALUES (md5('license-1')::uuid, 'ZW', 'Class 4', '^[0-9]{6}[A-Z]{2}$');
INSERT INTO "projectTypes" (id, name, "businessType") VALUES (md5('ptype-1')::uuid, 'House', 'construction');
INSERT INTO "inventoryDomains" (id, name, "businessType", emoji) VALUES (md5('domain-1')::uuid, 'Groceries', 'grocery', '🛒');
INSERT INTO "permissionTemplates" (name, role, permissions)
VALUES ('Cashier defaults', 'cashier', '["sell", "refund:small"]'), ('Manager defaults', 'manager', '["*"]');
INSERT INTO "seedDataTemplates" (name, content) VALUES ('grocery', '{ "b": 1,  "a": [1, 2,   3] }');

-- A2

INSERT INTO "businessSuppliers" (id, "businessId", "supplierNumber", name, "paymentTerms", "creditLimit")
SELECT md5('supplier-' || n)::uuid, md5('business-' || 1 + n % 3)::uuid, 'S' || n, 'Supplier ' || n, make_interval(days => 15 * n), 1000 * n
FROM generate_series(1, 6) n;

INSERT INTO "inventorySubcategories" (id, "categoryId", "domainId", name)
SELECT md5('subcategory-' || n)::uuid, md5('category-' || 1 + n % 9)::uuid, md5('domain-1')::uuid, 'Shelf ' || n
FROM generate_series(1, 18) n;

INSERT INTO "businessProducts" (id, "businessId", sku, name, description, "categoryId", "subcategoryId", "brandId", "basePrice", "costPrice",
                                "stockQuantity", "reorderLevel", attributes, tags)
SELECT md5('product-' || n)::uuid, md5('business-' || 1 + n % 3)::uuid, 'SKU-' || lpad(n::text, 6, '0'),
       (ARRAY['Bread', 'Milk', 'Juice', 'Hammer', 'Crisps', 'Apples', 'Peas', 'Soap', 'Pen'])[1 + n % 9] || ' ' || n,
       CASE WHEN n % 5 = 0 THEN NULL ELSE 'Kind ' || n || E', sold by the\tpiece.\nKeep "dry".' END,
       md5('category-' || 1 + n % 9)::uuid, md5('subcategory-' || 1 + n % 18)::uuid,
       CASE WHEN n % 4 = 0 THEN md5('brand-' || 1 + n % 12)::uuid END,
       round((0.5 + n % 97 * 0.35)::numeric, 2), CASE WHEN n % 7 <> 0 THEN round((0.3 + n % 97 * 0.2)::numeric, 2) END,
       500, 20,
       -- Every tenth product has a description that is stored out of line (TOAST).
       CASE WHEN n % 10 = 0 THEN jsonb_build_object('weight', n, 'story', (SELECT string_agg(md5(n::text || i::text), ' ') FROM generate_series(1, 150) i))
            ELSE jsonb_build_object('weight', n) END,
       CASE WHEN n % 3 = 0 THEN '{promo,"new in"}'::text[] ELSE '{}' END
FROM generate_series(1, 400 * :scale) n;

INSERT INTO "productVariants" (id, "productId", sku, name, price, attributes)
SELECT md5('variant-' || n)::uuid, md5('product-' || n * 4)::uuid, 'VAR-' || n, 'Large', NULL, '{"size": "L"}'
FROM generate_series(1, 100 * :scale) n;

INSERT INTO "productBarcodes" ("businessId", "productId", code, "isPrimary")
SELECT "businessId", id, '600' || lpad(row_number() OVER (ORDER BY sku)::text, 10, '0'), true FROM "businessProducts";

INSERT INTO "productImages" ("productId", "imageUrl", thumbnail)
SELECT md5('product-' || n)::uuid, 'https://img.shop.example/' || n || '.webp',
       decode((SELECT string_agg(md5(n::text || 'px' || i), '') FROM generate_series(1, 200) i), 'hex')
FROM generate_series(1, 40 * :scale) n;

INSERT INTO "productAttributes" SELECT md5('product-' || n)::uuid, 'colour', (ARRAY['red', 'green', 'blue'])[1 + n % 3] FROM generate_series(1, 120 * :scale) n;
INSERT INTO "supplierProducts" ("supplierId", "productId", "unitCost", "leadTime")
SELECT md5('supplier-' || 1 + n % 6)::uuid, md5('product-' || n)::uuid, 1 + n % 9, '3 days' FROM generate_series(1, 200 * :scale) n;
INSERT INTO sku_sequences ("businessId", prefix, "currentSequence") SELECT id, 'SKU', 400 * :scale FROM businesses;
INSERT INTO sku_sequences ("businessId", prefix) SELECT md5('business-1')::uuid, 'TMP-' || n FROM generate_series(1, 20) n;

-- A15 (persons), A4

INSERT INTO persons (id, "fullName", "nationalId", "idFormatTemplateId", address, "dateOfBirth")
SELECT md5('person-' || n)::uuid, 'Person ' || n, '63-' || 100000 + n || ' A 42', md5('idformat-1')::uuid, ROW(n || ' Hill Rd', 'Gweru', NULL)::"postalAddress",
       date '1970-01-01' + n * 200
FROM generate_series(1, 40) n;

INSERT INTO employees (id, "employeeNumber", "userId", "personId", "fullName", "jobTitleId", "compensationTypeId", "supervisorId", "primaryBusinessId",
                       "hireDate", "emergencyContacts")
SELECT md5('employee-' || n)::uuid, 'E' || lpad(n::text, 4, '0'), CASE WHEN n <= 10 THEN 'user-' || n END, md5('person-' || n)::uuid, 'Employee ' || n,
       md5('title-' || 1 + n % 3)::uuid, md5('pay-' || 1 + n % 2)::uuid, CASE WHEN n > 3 THEN md5('employee-' || 1 + n % 3)::uuid END,
       md5('business-' || 1 + n % 3)::uuid, date '2023-01-01' + n * 11, '[{"name": "Kin", "phone": "+263 1 2345"}]'
FROM generate_series(1, 24) n;

INSERT INTO "employeeContracts" (id, "employeeId", "contractNumber", term, "baseSalary", status, "signedDocument")
SELECT md5('contract-' || n)::uuid, md5('employee-' || n)::uuid, 'C' || n, daterange(date '2025-01-01', CASE WHEN n % 2 = 0 THEN date '2027-01-01' END),
       400 + n * 10, 'active', (SELECT string_agg('Clause ' || i || ': ' || md5(i::text || n::text), E'\n') FROM generate_series(1, 120) i)
FROM generate_series(1, 24) n;

INSERT INTO "employeeBusinessAssignments" ("employeeId", "businessId", "isPrimary") SELECT id, "primaryBusinessId", true FROM employees;
INSERT INTO "employeeBenefits" ("employeeId", "benefitTypeId", amount, "effectiveDate") SELECT id, md5('benefit-1')::uuid, 40, "hireDate" FROM employees;
INSERT INTO "employeeAllowances" ("employeeId", type, amount) SELECT id, 'transport', 25 FROM employees;
INSERT INTO "employeeBonuses" ("employeeId", amount, reason, "payableIn") SELECT md5('employee-1')::uuid, 100, 'year end', '2026-12-01';
INSERT INTO "employeeDeductions" (id, "employeeId", type, "totalAmount", "remainingAmount") VALUES (md5('deduction-1')::uuid, md5('employee-2')::uuid, 'till shortage', 20, 15);
INSERT INTO "employeeDeductionPayments" ("deductionId", amount, "paidOn") VALUES (md5('deduction-1')::uuid, 5, '2026-10-31');
INSERT INTO "employeeLoans" (id, "employeeId", "loanNumber", principal, "remainingBalance", "startedOn")
SELECT md5('emploan-' || n)::uuid, md5('employee-' || n)::uuid, 'L' || n, 200, 150, '2026-03-01' FROM generate_series(1, 5) n;
INSERT INTO "employeeSalaryIncreases" ("employeeId", "previousSalary", "newSalary", "effectiveDate") SELECT id, 400, 430, '2026-01-01' FROM employees;
INSERT INTO "employeeLeaveRequests" ("employeeId", "leaveType", days, reason) SELECT id, 'annual', '[2026-12-20,2027-01-03)', NULL FROM employees;
INSERT INTO "employeeLeaveBalance" ("employeeId", year, "annualDays", "usedDays") SELECT id, 2026, 22, 10.5 FROM employees;
INSERT INTO "employeeAttendance" ("employeeId", day, "checkIn", "checkOut")
SELECT e.id, d::date, '07:58:00+02', '17:03:30+02' FROM employees e, generate_series(date '2026-11-01', date '2026-11-10', interval '1 day') d;
INSERT INTO "employeeTimeTracking" ("employeeId", "businessId", worked)
SELECT id, "primaryBusinessId", '[2026-11-10 06:00Z,2026-11-10 15:00Z)' FROM employees;
INSERT INTO "disciplinaryActions" ("employeeId", severity, description, "occurredOn") VALUES (md5('employee-5')::uuid, 1, 'Late', '2026-06-03');
INSERT INTO "contractBenefits" SELECT id, md5('benefit-2')::uuid, 5 FROM "employeeContracts";
INSERT INTO "contractRenewals" ("originalContractId", "renewalDueDate") SELECT md5('contract-2')::uuid, '2026-12-01';
INSERT INTO "payrollAccounts" (id, "businessId", "accountNumber", balance)
SELECT md5('payroll-' || n)::uuid, md5('business-' || n)::uuid, 'PAY' || n, 5000 FROM generate_series(1, 3) n;
INSERT INTO "payrollPeriods" (id, "businessId", period, status)
SELECT md5('period-' || n)::uuid, md5('business-' || n)::uuid, '[2026-10-01,2026-11-01)', 'approved' FROM generate_series(1, 3) n;
INSERT INTO "payrollEntries" (id, "periodId", "employeeId", "baseSalary", bonuses, "hoursWorked")
SELECT md5('entry-' || n)::uuid, md5('period-' || 1 + n % 3)::uuid, md5('employee-' || n)::uuid, 400 + n * 10, n % 3 * 12.5, 160 + n / 7.0
FROM generate_series(1, 24) n;
INSERT INTO "payrollEntryBenefits" ("entryId", "benefitTypeId", amount) SELECT id, md5('benefit-1')::uuid, 40 FROM "payrollEntries";
INSERT INTO "payrollExports" ("periodId", "fileName", "fileHash") SELECT md5('period-1')::uuid, 'october.xlsx', sha256('october');
INSERT INTO "payrollAdjustments" ("entryId", amount, reason) VALUES (md5('entry-1')::uuid, -3.5, 'rounding');
INSERT INTO "payrollAccountDeposits" ("accountId", amount, source) SELECT id, 5000, 'opening' FROM "payrollAccounts";
INSERT INTO "payrollAccountPayments" ("accountId", "employeeId", amount) SELECT md5('payroll-1')::uuid, md5('employee-3')::uuid, 430;
INSERT INTO "employeeLoanPayments" ("loanId", amount, "paidOn", "payrollEntryId") VALUES (md5('emploan-1')::uuid, 50, '2026-10-31', md5('entry-1')::uuid);

-- A3

INSERT INTO "businessCustomers" (id, "businessId", name, phone, birthday, notes)
SELECT md5('customer-' || n)::uuid, md5('business-' || 1 + n % 3)::uuid, 'Customer ' || n, '+263 77 ' || 1000000 + n,
       CASE WHEN n % 3 = 0 THEN date '1980-05-05' + n END, CASE WHEN n % 9 = 0 THEN '\N is not null' END
FROM generate_series(1, 200 * :scale) n;

INSERT INTO "businessOrders" ("businessId", "orderNumber", "customerId", "employeeId", status, "paymentStatus", "paymentMethod", subtotal, "taxAmount",
                              attributes, "createdAt")
SELECT md5('business-' || 1 + n % 3)::uuid, 'O-' || n, CASE WHEN n % 2 = 0 THEN md5('customer-' || 1 + n % (200 * :scale))::uuid END,
       md5('employee-' || 1 + n % 24)::uuid, 'completed', 'paid', CASE WHEN n % 4 = 0 THEN 'card' ELSE 'cash' END::"paymentMethod",
       10 + n % 50, (10 + n % 50) * 0.15, '{"till": 1}', timestamptz '2026-10-01Z' + n * interval '17 minutes'
FROM generate_series(1, 600 * :scale) n;

INSERT INTO "businessOrderItems" ("orderId", "productId", quantity, "unitPrice")
SELECT o.id, md5('product-' || 1 + (o.id * 7 + i) % (400 * :scale))::uuid, 1 + i * 0.5, 4.99 FROM "businessOrders" o, generate_series(0, 2) i;
INSERT INTO "businessTransactions" ("businessId", "orderId", type, method, amount, "createdBy", "createdAt")
SELECT "businessId", id, 'sale', "paymentMethod", total, 'user-4', "createdAt" FROM "businessOrders";
INSERT INTO "businessStockMovements" ("businessId", "productId", type, quantity, reference)
SELECT "businessId", id, 'purchase', 500, 'opening stock' FROM "businessProducts";
INSERT INTO "customerLaybys" (id, "businessId", "customerId", "laybyNumber", items, "totalAmount", "depositAmount", "totalPaid", "dueDate")
SELECT md5('layby-' || n)::uuid, md5('business-1')::uuid, md5('customer-' || n)::uuid, 'LB-' || n, '[{"sku": "SKU-000001", "quantity": 2}]', 400, 40, 40, '2027-02-01'
FROM generate_series(1, 30) n;
INSERT INTO "customerLaybyPayments" ("laybyId", amount, method) SELECT id, 40, 'cash' FROM "customerLaybys";
INSERT INTO "receiptSequences" SELECT id, '2026-11-01', 118 FROM businesses;

-- A5, A13, A15

INSERT INTO "expenseDomains" (id, name, emoji) VALUES (md5('expdomain-1')::uuid, 'Premises', '🏠');
INSERT INTO "expenseCategories" (id, "domainId", name) VALUES (md5('expcat-1')::uuid, md5('expdomain-1')::uuid, 'Rent'), (md5('expcat-2')::uuid, md5('expdomain-1')::uuid, 'Power');
INSERT INTO "expenseSubcategories" ("categoryId", name) VALUES (md5('expcat-2')::uuid, 'Generator fuel');
INSERT INTO "expenseAccounts" (id, "businessId", "accountNumber", name, balance) VALUES (md5('expacc-1')::uuid, md5('business-1')::uuid, 'X1', 'Daily costs', 700);
INSERT INTO "expenseAccountDeposits" ("accountId", amount, "sourceBusinessId") VALUES (md5('expacc-1')::uuid, 1000, md5('business-1')::uuid);
INSERT INTO "expenseAccountPayments" ("accountId", "categoryId", "payeePersonId", amount, receipt)
VALUES (md5('expacc-1')::uuid, md5('expcat-1')::uuid, md5('person-30')::uuid, 300, '{"no": "R-1"}');
INSERT INTO "fundSources" (id, "userId", name, balance) VALUES (md5('fund-1')::uuid, 'user-1', 'Wallet', 55.5);
INSERT INTO "personalBudgets" (id, "userId", month, "limitAmount") VALUES (md5('budget-1')::uuid, 'user-1', '2026-11-01', 250);
INSERT INTO "personalExpenses" ("userId", "fundSourceId", "budgetId", description, amount, tags) VALUES ('user-1', md5('fund-1')::uuid, md5('budget-1')::uuid, 'Lunch', 4.5, '{food}');
INSERT INTO "interBusinessLoans" (id, "loanNumber", "lenderBusinessId", "borrowerBusinessId", principal, "remainingBalance", "startedOn")
VALUES (md5('loan-1')::uuid, 'IBL-1', md5('business-1')::uuid, md5('business-2')::uuid, 2000, 1500, '2026-05-05');
INSERT INTO "loanTransactions" ("loanId", type, amount, "balanceAfter") VALUES (md5('loan-1')::uuid, 'disbursement', 2000, 2000), (md5('loan-1')::uuid, 'repayment', 500, 1500);

-- A6, A7

INSERT INTO "constructionProjects" (id, "businessId", name, site, budget) VALUES (md5('site-1')::uuid, md5('business-3')::uuid, 'House 12', ROW('Plot 12', 'Mutare', 'ZW'), 30000);
INSERT INTO "constructionExpenses" ("projectId", description, amount) SELECT md5('site-1')::uuid, 'Bricks, load ' || n, 210 FROM generate_series(1, 12) n;
INSERT INTO projects (id, "businessId", "projectTypeId", "constructionProjectId", name, budget, progress)
VALUES (md5('project-1')::uuid, md5('business-3')::uuid, md5('ptype-1')::uuid, md5('site-1')::uuid, 'House 12', 30000, 12.5);
INSERT INTO "projectStages" (id, "projectId", name, position) SELECT md5('stage-' || n)::uuid, md5('project-1')::uuid, 'Stage ' || n, n FROM generate_series(1, 6) n;
INSERT INTO "projectContractors" (id, "projectId", "personId", role) VALUES (md5('contractor-1')::uuid, md5('project-1')::uuid, md5('person-31')::uuid, 'roof');
INSERT INTO "stageContractorAssignments" VALUES (md5('stage-5')::uuid, md5('contractor-1')::uuid, 900, false);
INSERT INTO "projectTransactions" ("projectId", "stageId", amount) SELECT md5('project-1')::uuid, md5('stage-' || n)::uuid, 100 * n FROM generate_series(1, 6) n;
INSERT INTO vehicles (id, "businessId", "licensePlate", make, model, year, "currentMileage")
SELECT md5('vehicle-' || n)::uuid, md5('business-' || n)::uuid, 'ABC ' || 1000 + n, 'Toyota', 'Hilux', 2018 + n, 50000 FROM generate_series(1, 3) n;
INSERT INTO "vehicleDrivers" (id, "fullName", "employeeId", "licenseNumber", "licenseTemplateId", "licenseExpiry")
SELECT md5('driver-' || n)::uuid, 'Driver ' || n, md5('employee-' || n)::uuid, '12345' || n || 'ZW', md5('license-1')::uuid, '2028-01-01' FROM generate_series(1, 3) n;
INSERT INTO "vehicleTrips" (id, "vehicleId", "driverId", "startMileage", "endMileage", route, "startedAt")
SELECT md5('trip-' || n)::uuid, md5('vehicle-' || 1 + n % 3)::uuid, md5('driver-' || 1 + n % 3)::uuid, 50000 + n * 30, 50025 + n * 30, '((0,0),(1,2.5),(3,3))', timestamptz '2026-11-01 08:00Z' + n * interval '1 day'
FROM generate_series(1, 9) n;
INSERT INTO "vehicleExpenses" ("vehicleId", "tripId", type, amount, litres, "spentOn") SELECT "vehicleId", id, 'fuel', 32, 20.125, '2026-11-03' FROM "vehicleTrips";
INSERT INTO "vehicleLicenses" ("vehicleId", type, "licenseNumber", valid) SELECT id, 'road', 'R-' || "licensePlate", '[2026-01-01,2027-01-01)' FROM vehicles;
INSERT INTO "driverAuthorizations" ("driverId", "vehicleId") SELECT d.id, v.id FROM "vehicleDrivers" d CROSS JOIN vehicles v;
INSERT INTO "vehicleMaintenanceRecords" (id, "vehicleId", mileage, "servicedOn") VALUES (md5('service-1')::uuid, md5('vehicle-1')::uuid, 49000, '2026-09-09');
INSERT INTO "vehicleMaintenanceServices" (id, "recordId", name, "partsReplaced") VALUES (md5('svc-1')::uuid, md5('service-1')::uuid, 'Brakes', '{pads,"disc, front"}');
INSERT INTO "vehicleMaintenanceServiceExpenses" ("serviceId", description, amount) VALUES (md5('svc-1')::uuid, 'Pads', 60);
INSERT INTO "vehicleReimbursements" ("driverId", "tripId", amount) SELECT "driverId", id, 6 FROM "vehicleTrips";

-- A8

INSERT INTO "menuItems" (id, "businessId", name, category, price, allergens, "preparationTime")
SELECT md5('menu-' || n)::uuid, md5('business-2')::uuid, 'Dish ' || n, (ARRAY['starter', 'main', 'dessert'])[1 + n % 3], 3 + n * 0.75, '{nuts}', make_interval(mins => 5 + n)
FROM generate_series(1, 30) n;
INSERT INTO "menuCombos" (id, "businessId", name, "totalPrice") VALUES (md5('combo-1')::uuid, md5('business-2')::uuid, 'Lunch', 9.99);
INSERT INTO "menuComboItems" SELECT md5('combo-1')::uuid, md5('menu-' || n)::uuid, 1, true FROM generate_series(1, 3) n;
INSERT INTO "menuPromotions" ("businessId", name, "discountPercent", valid, rules) VALUES (md5('business-2')::uuid, 'Happy hour', 20, '[2026-11-01,)', '{"from": "16:00"}');
INSERT INTO orders ("businessId", "tableNumber", status, "guestCount") SELECT md5('business-2')::uuid, 1 + n % 12, 'completed', 2 FROM generate_series(1, 80) n;
INSERT INTO "orderItems" ("orderId", line, "menuItemId", price) SELECT o.id, l, md5('menu-' || 1 + (o.id + l) % 30)::uuid, 5 FROM orders o, generate_series(1, 3) l;

-- A9, A10

INSERT INTO "tokenConfigurations" (id, "businessId", name, duration, "bandwidthDownMb", "bandwidthUpMb", "basePrice")
VALUES (md5('tokencfg-1')::uuid, md5('business-1')::uuid, '4 hours', '4 hours', 500, 100, 1), (md5('tokencfg-2')::uuid, md5('business-1')::uuid, 'Month', '1 mon', 50000, 9000, 20);
INSERT INTO "wifiTokenDevices" ("businessId", "macAddress", "currentIp") VALUES (md5('business-1')::uuid, '08:00:2b:01:02:03', '192.168.0.7');
INSERT INTO "wifiTokens" (id, "businessId", "tokenConfigId", token) SELECT md5('token-' || n)::uuid, md5('business-1')::uuid, md5('tokencfg-1')::uuid, 'TK' || lpad(n::text, 6, '0') FROM generate_series(1, 100) n;
INSERT INTO "wifiTokenSales" ("wifiTokenId", "businessId", "saleAmount", "paymentMethod") SELECT md5('token-' || n)::uuid, md5('business-1')::uuid, 1, 'cash' FROM generate_series(1, 30) n;
INSERT INTO "businessTokenMenuItems" ("businessId", "tokenConfigId", "businessPrice") VALUES (md5('business-1')::uuid, md5('tokencfg-1')::uuid, 1.2);
INSERT INTO "wiFiUsageAnalytics" SELECT md5('business-1')::uuid, '08:00:2b:01:02:03', timestamp '2026-11-01' + n / 2 * interval '5 minutes', 3, 1.5 FROM generate_series(1, 50) n;
INSERT INTO "r710DeviceRegistry" (id, "ipAddress", "encryptedPassword") VALUES (md5('r710-1')::uuid, '192.168.0.108', '\x00ff27');
INSERT INTO "r710BusinessIntegrations" ("businessId", "deviceRegistryId") VALUES (md5('business-2')::uuid, md5('r710-1')::uuid);
INSERT INTO "r710Wlans" (id, "businessId", "deviceRegistryId", ssid, "wlanId", config) VALUES (md5('wlan-1')::uuid, md5('business-2')::uuid, md5('r710-1')::uuid, 'Umoja Guests', 'w1', '<wlan name="guests"/>');
INSERT INTO "r710TokenConfigs" (id, "businessId", "wlanId", name, duration, "basePrice") VALUES (md5('r710cfg-1')::uuid, md5('business-2')::uuid, md5('wlan-1')::uuid, '1 day', '1 day', 2);
INSERT INTO "r710Tokens" (id, "tokenConfigId", username, password) SELECT md5('r710token-' || n)::uuid, md5('r710cfg-1')::uuid, 'guest' || n, md5('p' || n) FROM generate_series(1, 40) n;
INSERT INTO "r710TokenSales" ("tokenId", "businessId", "saleAmount", "paymentMethod") SELECT md5('r710token-' || n)::uuid, md5('business-2')::uuid, 2, 'mobileMoney' FROM generate_series(1, 10) n;
INSERT INTO "r710DeviceTokens" ("deviceRegistryId", "tokenId", "clientMac") SELECT md5('r710-1')::uuid, md5('r710token-' || n)::uuid, '08:00:2b:01:02:03:04:05' FROM generate_series(1, 10) n;
INSERT INTO "r710BusinessTokenMenuItems" VALUES (md5('business-2')::uuid, md5('r710cfg-1')::uuid, 2.5);
INSERT INTO "r710SyncLogs" ("deviceRegistryId", "syncType", outcome, took) VALUES (md5('r710-1')::uuid, 'wlan', 'ok', '1.25 seconds');

-- A11, A12

INSERT INTO "networkPrinters" (id, name, "ipAddress", capabilities) VALUES (md5('printer-1')::uuid, 'Till printer', '192.168.0.0/24', '{esc-pos,cut}');
INSERT INTO "barcodeTemplates" (id, "businessId", name, width, height) VALUES (md5('barcode-1')::uuid, md5('business-1')::uuid, 'Shelf label', 50, 30.5);
INSERT INTO "barcodePrintJobs" ("templateId", "printerId", "itemName", copies) VALUES (md5('barcode-1')::uuid, md5('printer-1')::uuid, 'Bread 1', 20);
INSERT INTO "barcodeInventoryItems" ("businessId", "inventoryItemId", "barcodeData") SELECT md5('business-1')::uuid, md5('product-3')::uuid, '6001';
INSERT INTO "printJobs" ("printerId", "businessId", "jobType", "jobData", status)
SELECT md5('printer-1')::uuid, md5('business-1')::uuid, 'receipt', jsonb_build_object('order', n),
       CASE WHEN n <= 30 THEN 'COMPLETED' WHEN n <= 35 THEN 'FAILED' ELSE 'PENDING' END::"printStatus"
FROM generate_series(1, 40) n;
INSERT INTO "reprintLog" ("originalJobId", "businessId", reason) VALUES (1, md5('business-1')::uuid, 'paper jam');
INSERT INTO permissions (name, category) VALUES ('sell', 'pos'), ('refund', 'pos'), ('payroll', 'hr'), ('restore', 'system');
INSERT INTO "userPermissions" ("userId", "permissionId", "businessId") SELECT u.id, p.id, md5('business-1')::uuid FROM users u CROSS JOIN permissions p WHERE u.role <> 'cashier' OR p.name = 'sell';
INSERT INTO "macAclEntry" ("businessId", "macAddress", "listType", reason) VALUES (md5('business-1')::uuid, '02:00:00:00:00:01', 'blacklist', 'left without paying');

-- B: what belongs to this device alone

INSERT INTO "syncNodes" ("nodeId", "nodeName", "ipAddress", "registrationHash") VALUES (md5('node-1')::uuid, 'till-1', '192.168.0.10', sha256('till-1')), (md5('node-2')::uuid, 'office', '192.168.0.11', NULL);
INSERT INTO "nodeStates" ("nodeId", state) SELECT "nodeId", 'online' FROM "syncNodes";
INSERT INTO "syncSessions" (id, "sourceNodeId", "targetNodeId", status) SELECT md5('sync-' || n)::uuid, md5('node-1')::uuid, md5('node-2')::uuid, 'done' FROM generate_series(1, 10) n;
INSERT INTO "fullSyncSessions" ("sessionId", direction, "totalRecords") VALUES (md5('sync-1')::uuid, 'pull', 12345);
INSERT INTO "syncEvents" ("sourceNodeId", "tableName", "recordId", operation) SELECT md5('node-1')::uuid, 'businessOrders', n::text, 'CREATE' FROM generate_series(1, 200) n;
INSERT INTO "syncMetrics" ("nodeId", metric, value) SELECT md5('node-1')::uuid, 'latency', n % 7 / 3.0 FROM generate_series(1, 60) n;
INSERT INTO "syncConfigurations" VALUES (md5('node-1')::uuid, 'interval', '30');
INSERT INTO "offlineQueue" (operation, payload) VALUES ('upload', '{"order": 17}');
INSERT INTO "deviceRegistry" (id, "nodeId", "machineName", "macAddresses") VALUES (md5('device-1')::uuid, md5('node-2')::uuid, 'OFFICE-PC', '{02:00:00:00:00:02,02:00:00:00:00:03}');
INSERT INTO "deviceConnectionHistory" ("deviceId", connected) VALUES (md5('device-1')::uuid, '[2026-11-20 08:00Z,2026-11-20 16:30Z)');
INSERT INTO "networkPartitions" ("affectedNodes", type) VALUES (ARRAY[md5('node-2')::uuid], 'unreachable');

-- C: what is nobody's business. The marker makes it easy to show that none of it left.

INSERT INTO sessions (id, "sessionToken", "userId", expires, data)
SELECT 'session-' || n, 'TRANSIENT-' || md5('session' || n), 'user-' || 1 + n % 10, '2026-12-31Z', '{"marker": "TRANSIENT-ROW"}' FROM generate_series(1, 20) n;
INSERT INTO "esp32ConnectedClients" ("macAddress", "wifiTokenId") VALUES ('02:00:00:00:01:01', md5('token-31')::uuid);
INSERT INTO "r710ConnectedClients" ("macAddress", "tokenId") VALUES ('02:00:00:00:01:02', md5('r710token-11')::uuid);
INSERT INTO "chatRooms" (id, name) VALUES (md5('room-1')::uuid, 'TRANSIENT-ROOM');
INSERT INTO "chatParticipants" SELECT md5('room-1')::uuid, id FROM users;
INSERT INTO "chatMessages" ("roomId", "userId", message) SELECT md5('room-1')::uuid, 'user-2', 'TRANSIENT-MESSAGE ' || n FROM generate_series(1, 25) n;

-- D

INSERT INTO "auditLogs" (action, "entityType", "entityId", "userId", "newValues", "ipAddress")
SELECT 'CREATE', 'businessProducts', sku, 'user-1', to_jsonb(p) - 'search' - 'attributes', '10.0.0.1' FROM "businessProducts" p WHERE sku LIKE '%0';
INSERT INTO "conflictResolutions" ("syncEventId", "resolutionType", "winningValue") VALUES (3, 'newest', '{"price": 4}');
INSERT INTO "dataSnapshots" ("tableName", "recordId", data, checksum) VALUES ('businesses', 'CORNER', '{"taxRate": 0.15}', encode(sha256('x'), 'hex'));

ANALYZE;
