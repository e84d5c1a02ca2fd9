-- A14. Reference data: the same words and templates on every device.

CREATE TABLE "systemSettings" (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    description text,
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "emojiLookup" (
    emoji text PRIMARY KEY,
    name text NOT NULL,
    keywords text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE "jobTitles" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title text NOT NULL UNIQUE,
    department text,
    level smallint NOT NULL DEFAULT 1,
    responsibilities text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE "compensationTypes" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    frequency text NOT NULL CHECK (frequency IN ('hourly', 'daily', 'weekly', 'monthly', 'commission')),
    "baseAmount" amount
);

CREATE TABLE "benefitTypes" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    "isPercentage" boolean NOT NULL DEFAULT false,
    "defaultAmount" amount NOT NULL DEFAULT 0
);

CREATE TABLE "idFormatTemplates" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    "countryCode" char(2) NOT NULL,
    pattern text NOT NULL,
    example text,
    UNIQUE ("countryCode", name)
);

CREATE TABLE "driverLicenseTemplates" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "countryCode" char(2) NOT NULL,
    name text NOT NULL,
    pattern text NOT NULL,
    validity interval NOT NULL DEFAULT '5 years'
);

CREATE TABLE "projectTypes" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    "businessType" "businessType",
    "isSystem" boolean NOT NULL DEFAULT false
);

CREATE TABLE "inventoryDomains" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    "businessType" "businessType" NOT NULL,
    emoji text
);

CREATE TABLE "permissionTemplates" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    role text NOT NULL,
    permissions jsonb NOT NULL
);

CREATE TABLE "seedDataTemplates" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    content json NOT NULL, -- json, not jsonb: spaces and the order of keys are kept
    UNIQUE (name, version)
);

CREATE TABLE "receiptSequences" (
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    day date NOT NULL,
    "lastNumber" integer NOT NULL DEFAULT 0 CHECK ("lastNumber" >= 0),
    PRIMARY KEY ("businessId", day)
);
