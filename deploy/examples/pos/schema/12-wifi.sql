-- A9. WiFi portal with ESP32 devices; A10. with R710 access points.

CREATE TABLE "tokenConfigurations" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL,
    duration interval NOT NULL,
    "bandwidthDownMb" integer NOT NULL,
    "bandwidthUpMb" integer NOT NULL,
    "basePrice" amount NOT NULL,
    "isActive" boolean NOT NULL DEFAULT true
);

CREATE TABLE "wifiTokenDevices" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "macAddress" macaddr NOT NULL UNIQUE,
    hostname text,
    "currentIp" inet,
    "firmwareVersion" text
);

CREATE TABLE "wifiTokens" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "tokenConfigId" uuid NOT NULL REFERENCES "tokenConfigurations",
    token varchar(16) NOT NULL UNIQUE,
    status text NOT NULL DEFAULT 'unused' CHECK (status IN ('unused', 'active', 'expired', 'disabled')),
    "firstUsedAt" timestamptz,
    "expiresAt" timestamptz,
    "bytesUsed" bigint NOT NULL DEFAULT 0,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "wifiTokenSales" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "wifiTokenId" uuid NOT NULL UNIQUE REFERENCES "wifiTokens",
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "saleAmount" amount NOT NULL,
    "paymentMethod" "paymentMethod" NOT NULL,
    "soldBy" text REFERENCES users,
    "soldAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "businessTokenMenuItems" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "tokenConfigId" uuid NOT NULL REFERENCES "tokenConfigurations" ON DELETE CASCADE,
    "businessPrice" amount NOT NULL,
    "displayOrder" smallint NOT NULL DEFAULT 0,
    UNIQUE ("businessId", "tokenConfigId")
);

-- Readings as the access point reports them: no key, and two equal ones are two readings.
CREATE TABLE "wiFiUsageAnalytics" (
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "deviceMac" macaddr,
    "recordedAt" timestamp NOT NULL,
    "activeClients" integer,
    "megabytes" real
);

CREATE TABLE "r710DeviceRegistry" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "ipAddress" inet NOT NULL UNIQUE,
    "encryptedPassword" bytea NOT NULL,
    model text NOT NULL DEFAULT 'R710',
    "connectionStatus" text NOT NULL DEFAULT 'unknown',
    "lastHealthCheck" timestamptz
);

CREATE TABLE "r710BusinessIntegrations" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "deviceRegistryId" uuid NOT NULL REFERENCES "r710DeviceRegistry",
    "isActive" boolean NOT NULL DEFAULT true,
    UNIQUE ("businessId", "deviceRegistryId")
);

CREATE TABLE "r710Wlans" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "deviceRegistryId" uuid NOT NULL REFERENCES "r710DeviceRegistry",
    ssid varchar(32) NOT NULL,
    "wlanId" text NOT NULL,
    "validDays" integer NOT NULL DEFAULT 1,
    config text, -- the XML that the access point gave
    UNIQUE ("deviceRegistryId", "wlanId")
);

CREATE TABLE "r710TokenConfigs" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "wlanId" uuid NOT NULL REFERENCES "r710Wlans" ON DELETE CASCADE,
    name text NOT NULL,
    duration interval NOT NULL,
    "deviceLimit" smallint NOT NULL DEFAULT 1,
    "basePrice" amount NOT NULL
);

CREATE TABLE "r710Tokens" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tokenConfigId" uuid NOT NULL REFERENCES "r710TokenConfigs",
    username text NOT NULL,
    password text NOT NULL,
    status text NOT NULL DEFAULT 'available',
    "expiresAt" timestamptz,
    UNIQUE (username, password)
);

CREATE TABLE "r710TokenSales" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tokenId" uuid NOT NULL UNIQUE REFERENCES "r710Tokens",
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "saleAmount" amount NOT NULL,
    "paymentMethod" "paymentMethod" NOT NULL,
    "soldAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "r710DeviceTokens" (
    "deviceRegistryId" uuid NOT NULL REFERENCES "r710DeviceRegistry" ON DELETE CASCADE,
    "tokenId" uuid NOT NULL REFERENCES "r710Tokens" ON DELETE CASCADE,
    "clientMac" macaddr8,
    "firstSeenAt" timestamptz,
    PRIMARY KEY ("deviceRegistryId", "tokenId")
);

CREATE TABLE "r710BusinessTokenMenuItems" (
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "tokenConfigId" uuid NOT NULL REFERENCES "r710TokenConfigs" ON DELETE CASCADE,
    "businessPrice" amount NOT NULL,
    PRIMARY KEY ("businessId", "tokenConfigId")
);

CREATE TABLE "r710SyncLogs" (
    id bigserial PRIMARY KEY,
    "deviceRegistryId" uuid NOT NULL REFERENCES "r710DeviceRegistry" ON DELETE CASCADE,
    "syncType" text NOT NULL,
    outcome text NOT NULL,
    "tokensChecked" integer NOT NULL DEFAULT 0,
    "startedAt" timestamptz NOT NULL DEFAULT now(),
    took interval
);
