-- A4, continued: payroll.

CREATE TABLE "payrollAccounts" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid UNIQUE REFERENCES businesses ON DELETE CASCADE,
    "accountNumber" text NOT NULL UNIQUE,
    balance amount NOT NULL DEFAULT 0,
    "isActive" boolean NOT NULL DEFAULT true,
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "payrollPeriods" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    period daterange NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'review', 'approved', 'exported', 'closed')),
    "totalGross" amount NOT NULL DEFAULT 0,
    "totalNet" amount NOT NULL DEFAULT 0,
    UNIQUE ("businessId", period)
);

CREATE TABLE "payrollEntries" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "periodId" uuid NOT NULL REFERENCES "payrollPeriods" ON DELETE CASCADE,
    "employeeId" uuid NOT NULL REFERENCES employees,
    "baseSalary" amount NOT NULL,
    allowances amount NOT NULL DEFAULT 0,
    bonuses amount NOT NULL DEFAULT 0,
    deductions amount NOT NULL DEFAULT 0,
    "netPay" amount GENERATED ALWAYS AS ("baseSalary" + allowances + bonuses - deductions) STORED,
    "hoursWorked" double precision,
    UNIQUE ("periodId", "employeeId")
);

ALTER TABLE "employeeLoanPayments" ADD FOREIGN KEY ("payrollEntryId") REFERENCES "payrollEntries" ON DELETE SET NULL;

CREATE TABLE "payrollEntryBenefits" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "entryId" uuid NOT NULL REFERENCES "payrollEntries" ON DELETE CASCADE,
    "benefitTypeId" uuid NOT NULL REFERENCES "benefitTypes",
    amount amount NOT NULL,
    UNIQUE ("entryId", "benefitTypeId")
);

CREATE TABLE "payrollExports" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "periodId" uuid NOT NULL REFERENCES "payrollPeriods" ON DELETE CASCADE,
    "fileName" text NOT NULL,
    "fileHash" bytea NOT NULL CHECK (octet_length("fileHash") = 32),
    "exportedBy" text REFERENCES users,
    "exportedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "payrollAdjustments" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "entryId" uuid NOT NULL REFERENCES "payrollEntries" ON DELETE CASCADE,
    amount amount NOT NULL,
    reason text NOT NULL,
    "createdBy" text REFERENCES users,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "payrollAccountDeposits" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "accountId" uuid NOT NULL REFERENCES "payrollAccounts" ON DELETE CASCADE,
    amount amount NOT NULL CHECK (amount > 0),
    source text NOT NULL,
    "depositedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "payrollAccountPayments" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "accountId" uuid NOT NULL REFERENCES "payrollAccounts" ON DELETE CASCADE,
    "employeeId" uuid NOT NULL REFERENCES employees,
    amount amount NOT NULL CHECK (amount > 0),
    "isAdvance" boolean NOT NULL DEFAULT false,
    "signedAt" timestamptz,
    "paidAt" timestamptz NOT NULL DEFAULT now()
);
