-- A1. Core business and users.

CREATE TABLE users (
    id text PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    "passwordHash" text,
    role text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'manager', 'cashier', 'user')),
    locale text NOT NULL DEFAULT 'en',
    preferences jsonb NOT NULL DEFAULT '{}',
    "defaultBusinessId" uuid,
    "isActive" boolean NOT NULL DEFAULT true,
    "lastLoginAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "users_email_key" ON users (lower(email));

CREATE TABLE accounts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "userId" text NOT NULL REFERENCES users ON DELETE CASCADE,
    provider text NOT NULL,
    "providerAccountId" text NOT NULL,
    "accessToken" text,
    "refreshToken" text,
    "expiresAt" timestamptz,
    scope text[],
    UNIQUE (provider, "providerAccountId")
);

CREATE TABLE businesses (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    "shortName" varchar(24) NOT NULL UNIQUE,
    type "businessType" NOT NULL,
    "ownerId" text NOT NULL REFERENCES users,
    address "postalAddress",
    phone "phoneNumber",
    currency char(3) NOT NULL DEFAULT 'USD',
    "taxRate" numeric(5, 4) NOT NULL DEFAULT 0 CHECK ("taxRate" >= 0 AND "taxRate" < 1),
    settings jsonb NOT NULL DEFAULT '{}',
    "isDemo" boolean NOT NULL DEFAULT false,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

-- Users and businesses refer to each other: whoever loads rows must add foreign keys last.
ALTER TABLE users ADD CONSTRAINT "users_defaultBusinessId_fkey"
    FOREIGN KEY ("defaultBusinessId") REFERENCES businesses ON DELETE SET NULL;

CREATE TABLE "businessMemberships" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "userId" text NOT NULL REFERENCES users ON DELETE CASCADE,
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    role text NOT NULL,
    permissions jsonb NOT NULL DEFAULT '[]',
    "joinedAt" timestamptz NOT NULL DEFAULT now(),
    "isActive" boolean NOT NULL DEFAULT true,
    UNIQUE ("userId", "businessId")
);

CREATE TABLE "businessAccounts" (
    "businessId" uuid PRIMARY KEY REFERENCES businesses ON DELETE CASCADE,
    balance amount NOT NULL DEFAULT 0,
    "totalDeposits" amount NOT NULL DEFAULT 0,
    "totalPayments" amount NOT NULL DEFAULT 0,
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "businessLocations" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "locationCode" text NOT NULL,
    name text NOT NULL,
    address "postalAddress",
    coordinates point,
    "parentLocationId" uuid REFERENCES "businessLocations",
    "isActive" boolean NOT NULL DEFAULT true,
    UNIQUE ("businessId", "locationCode")
);

CREATE TABLE "businessBrands" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL,
    website text,
    UNIQUE ("businessId", name)
);

CREATE TABLE "businessCategories" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "parentId" uuid REFERENCES "businessCategories" ON DELETE SET NULL,
    name text NOT NULL,
    emoji text,
    "sortOrder" smallint NOT NULL DEFAULT 0,
    attributes jsonb
);
CREATE INDEX "businessCategories_businessId_idx" ON "businessCategories" ("businessId", "sortOrder");

CREATE TABLE "portalIntegrations" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL UNIQUE REFERENCES businesses ON DELETE CASCADE,
    "portalIp" inet NOT NULL,
    port integer NOT NULL DEFAULT 80 CHECK (port BETWEEN 1 AND 65535),
    "apiKeyHash" bytea,
    "showTokensInPos" boolean NOT NULL DEFAULT false,
    "expectedTokenPrefix" text,
    "isActive" boolean NOT NULL DEFAULT true
);
