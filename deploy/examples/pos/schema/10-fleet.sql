-- A7. Fleet management.

CREATE TABLE vehicles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid REFERENCES businesses ON DELETE SET NULL,
    "licensePlate" text NOT NULL UNIQUE,
    vin varchar(17) UNIQUE,
    make text NOT NULL,
    model text NOT NULL,
    year smallint NOT NULL CHECK (year BETWEEN 1900 AND 2100),
    "currentMileage" integer NOT NULL DEFAULT 0 CHECK ("currentMileage" >= 0),
    "isActive" boolean NOT NULL DEFAULT true
);

CREATE TABLE "vehicleDrivers" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "fullName" text NOT NULL,
    "employeeId" uuid REFERENCES employees ON DELETE SET NULL,
    "licenseNumber" text NOT NULL UNIQUE,
    "licenseTemplateId" uuid REFERENCES "driverLicenseTemplates",
    "licenseExpiry" date NOT NULL
);

CREATE TABLE "vehicleTrips" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "vehicleId" uuid NOT NULL REFERENCES vehicles ON DELETE CASCADE,
    "driverId" uuid NOT NULL REFERENCES "vehicleDrivers",
    "startMileage" integer NOT NULL,
    "endMileage" integer,
    distance integer GENERATED ALWAYS AS ("endMileage" - "startMileage") STORED,
    route path,
    purpose text,
    "startedAt" timestamptz NOT NULL,
    "endedAt" timestamptz,
    CHECK ("endMileage" >= "startMileage")
);

CREATE TABLE "vehicleExpenses" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "vehicleId" uuid NOT NULL REFERENCES vehicles ON DELETE CASCADE,
    "tripId" uuid REFERENCES "vehicleTrips" ON DELETE SET NULL,
    type text NOT NULL,
    amount amount NOT NULL,
    litres numeric(8, 3),
    "spentOn" date NOT NULL
);

CREATE TABLE "vehicleLicenses" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "vehicleId" uuid NOT NULL REFERENCES vehicles ON DELETE CASCADE,
    type text NOT NULL,
    "licenseNumber" text NOT NULL,
    valid daterange NOT NULL,
    "renewalCost" amount
);

CREATE TABLE "driverAuthorizations" (
    "driverId" uuid NOT NULL REFERENCES "vehicleDrivers" ON DELETE CASCADE,
    "vehicleId" uuid NOT NULL REFERENCES vehicles ON DELETE CASCADE,
    level text NOT NULL DEFAULT 'basic',
    "authorizedBy" text REFERENCES users,
    "expiresOn" date,
    PRIMARY KEY ("driverId", "vehicleId")
);

CREATE TABLE "vehicleMaintenanceRecords" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "vehicleId" uuid NOT NULL REFERENCES vehicles ON DELETE CASCADE,
    mileage integer NOT NULL,
    "nextServiceMileage" integer,
    provider text,
    "servicedOn" date NOT NULL
);

CREATE TABLE "vehicleMaintenanceServices" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "recordId" uuid NOT NULL REFERENCES "vehicleMaintenanceRecords" ON DELETE CASCADE,
    name text NOT NULL,
    "partsReplaced" text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE "vehicleMaintenanceServiceExpenses" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "serviceId" uuid NOT NULL REFERENCES "vehicleMaintenanceServices" ON DELETE CASCADE,
    description text NOT NULL,
    amount amount NOT NULL
);

CREATE TABLE "vehicleReimbursements" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "driverId" uuid NOT NULL REFERENCES "vehicleDrivers" ON DELETE CASCADE,
    "tripId" uuid REFERENCES "vehicleTrips" ON DELETE SET NULL,
    amount amount NOT NULL,
    status "approvalStatus" NOT NULL DEFAULT 'requested',
    "requestedAt" timestamptz NOT NULL DEFAULT now()
);
