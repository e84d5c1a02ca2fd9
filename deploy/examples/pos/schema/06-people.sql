-- A4. HR and payroll, and the persons of A15 that it refers to.

CREATE TABLE persons (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "fullName" text NOT NULL,
    "nationalId" text UNIQUE,
    "idFormatTemplateId" uuid REFERENCES "idFormatTemplates",
    phone "phoneNumber",
    email text,
    address "postalAddress",
    "dateOfBirth" date,
    notes text
);

CREATE TABLE employees (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeNumber" text NOT NULL UNIQUE,
    "userId" text UNIQUE REFERENCES users ON DELETE SET NULL,
    "personId" uuid REFERENCES persons,
    "fullName" text NOT NULL,
    "jobTitleId" uuid NOT NULL REFERENCES "jobTitles",
    "compensationTypeId" uuid NOT NULL REFERENCES "compensationTypes",
    "supervisorId" uuid REFERENCES employees ON DELETE SET NULL,
    "primaryBusinessId" uuid NOT NULL REFERENCES businesses,
    "hireDate" date NOT NULL,
    "terminationDate" date,
    "employmentStatus" text NOT NULL DEFAULT 'active',
    "profilePhoto" bytea,
    "emergencyContacts" jsonb NOT NULL DEFAULT '[]',
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    CHECK ("terminationDate" IS NULL OR "terminationDate" >= "hireDate")
);

ALTER TABLE "businessStockMovements" ADD FOREIGN KEY ("employeeId") REFERENCES employees ON DELETE SET NULL;
ALTER TABLE "businessOrders" ADD FOREIGN KEY ("employeeId") REFERENCES employees ON DELETE SET NULL;

CREATE TABLE "employeeContracts" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "contractNumber" text NOT NULL UNIQUE,
    version integer NOT NULL DEFAULT 1,
    term daterange NOT NULL,
    "baseSalary" amount NOT NULL CHECK ("baseSalary" >= 0),
    "previousContractId" uuid REFERENCES "employeeContracts",
    "signedDocument" text, -- the whole text of the contract: some are long
    status text NOT NULL DEFAULT 'draft',
    "createdAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "employeeBusinessAssignments" (
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "isPrimary" boolean NOT NULL DEFAULT false,
    "assignedAt" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("employeeId", "businessId")
);

CREATE TABLE "employeeBenefits" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "benefitTypeId" uuid NOT NULL REFERENCES "benefitTypes",
    amount amount NOT NULL,
    "effectiveDate" date NOT NULL,
    "endDate" date
);

CREATE TABLE "employeeAllowances" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    type text NOT NULL,
    amount amount NOT NULL,
    "isActive" boolean NOT NULL DEFAULT true
);

CREATE TABLE "employeeBonuses" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    amount amount NOT NULL,
    reason text,
    "payableIn" date NOT NULL
);

CREATE TABLE "employeeDeductions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    type text NOT NULL,
    "totalAmount" amount NOT NULL,
    "remainingAmount" amount NOT NULL,
    reason text
);

CREATE TABLE "employeeLoans" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "loanNumber" text NOT NULL UNIQUE,
    principal amount NOT NULL CHECK (principal > 0),
    "interestRate" numeric(6, 4) NOT NULL DEFAULT 0,
    "remainingBalance" amount NOT NULL,
    status text NOT NULL DEFAULT 'active',
    "startedOn" date NOT NULL
);

CREATE TABLE "employeeSalaryIncreases" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "previousSalary" amount NOT NULL,
    "newSalary" amount NOT NULL,
    percent numeric(7, 3) GENERATED ALWAYS AS
        (CASE WHEN "previousSalary" > 0 THEN ("newSalary" - "previousSalary") * 100 / "previousSalary" END) STORED,
    "effectiveDate" date NOT NULL
);

CREATE TABLE "employeeLeaveRequests" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "leaveType" text NOT NULL,
    days daterange NOT NULL,
    status "approvalStatus" NOT NULL DEFAULT 'requested',
    reason text,
    "decidedBy" text REFERENCES users,
    "requestedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "employeeLeaveBalance" (
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    year smallint NOT NULL,
    "annualDays" numeric(5, 1) NOT NULL DEFAULT 0,
    "usedDays" numeric(5, 1) NOT NULL DEFAULT 0,
    "remainingDays" numeric(5, 1) GENERATED ALWAYS AS ("annualDays" - "usedDays") STORED,
    PRIMARY KEY ("employeeId", year)
);

CREATE TABLE "employeeAttendance" (
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    day date NOT NULL,
    "checkIn" timetz,
    "checkOut" timetz,
    status text NOT NULL DEFAULT 'present',
    notes text,
    PRIMARY KEY ("employeeId", day)
);

CREATE TABLE "employeeTimeTracking" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    "businessId" uuid NOT NULL REFERENCES businesses,
    worked tstzrange NOT NULL,
    "breakTime" interval NOT NULL DEFAULT '0',
    "isOvertime" boolean NOT NULL DEFAULT false
);

CREATE TABLE "disciplinaryActions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "employeeId" uuid NOT NULL REFERENCES employees ON DELETE CASCADE,
    severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 5),
    description text NOT NULL,
    "actionTaken" text,
    "occurredOn" date NOT NULL
);

CREATE TABLE "employeeDeductionPayments" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "deductionId" uuid NOT NULL REFERENCES "employeeDeductions" ON DELETE CASCADE,
    amount amount NOT NULL,
    "paidOn" date NOT NULL
);

CREATE TABLE "employeeLoanPayments" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "loanId" uuid NOT NULL REFERENCES "employeeLoans" ON DELETE CASCADE,
    amount amount NOT NULL CHECK (amount > 0),
    "paidOn" date NOT NULL,
    "payrollEntryId" uuid
);

CREATE TABLE "contractBenefits" (
    "contractId" uuid NOT NULL REFERENCES "employeeContracts" ON DELETE CASCADE,
    "benefitTypeId" uuid NOT NULL REFERENCES "benefitTypes",
    amount amount NOT NULL,
    PRIMARY KEY ("contractId", "benefitTypeId")
);

CREATE TABLE "contractRenewals" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "originalContractId" uuid NOT NULL REFERENCES "employeeContracts" ON DELETE CASCADE,
    "newContractId" uuid REFERENCES "employeeContracts",
    "isAutomatic" boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'pending',
    "renewalDueDate" date NOT NULL
);
