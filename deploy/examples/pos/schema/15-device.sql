-- B. Device-specific data: returns only to the device it came from.
-- Rows here may refer to business rows; no business row refers to these.

-- B1. Sync infrastructure.

CREATE TABLE "syncNodes" (
    "nodeId" uuid PRIMARY KEY,
    "nodeName" text NOT NULL,
    "ipAddress" inet,
    port integer,
    capabilities text[] NOT NULL DEFAULT '{}',
    "registrationHash" bytea,
    "isActive" boolean NOT NULL DEFAULT true,
    "lastSeen" timestamptz
);

CREATE TABLE "nodeStates" (
    "nodeId" uuid PRIMARY KEY REFERENCES "syncNodes" ON DELETE CASCADE,
    state text NOT NULL,
    "vectorClock" jsonb NOT NULL DEFAULT '{}',
    "pendingEvents" integer NOT NULL DEFAULT 0,
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "syncSessions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "sourceNodeId" uuid NOT NULL REFERENCES "syncNodes" ON DELETE CASCADE,
    "targetNodeId" uuid REFERENCES "syncNodes" ON DELETE SET NULL,
    status text NOT NULL,
    "eventsSent" integer NOT NULL DEFAULT 0,
    "eventsReceived" integer NOT NULL DEFAULT 0,
    "startedAt" timestamptz NOT NULL DEFAULT now(),
    "endedAt" timestamptz
);

CREATE TABLE "fullSyncSessions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "sessionId" uuid REFERENCES "syncSessions" ON DELETE CASCADE,
    direction text NOT NULL CHECK (direction IN ('push', 'pull', 'bidirectional')),
    "totalRecords" bigint NOT NULL DEFAULT 0,
    "processedRecords" bigint NOT NULL DEFAULT 0,
    "currentStep" text,
    "estimatedLeft" interval
);

CREATE TABLE "syncEvents" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "eventId" uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    "sourceNodeId" uuid NOT NULL REFERENCES "syncNodes" ON DELETE CASCADE,
    "tableName" text NOT NULL,
    "recordId" text NOT NULL,
    operation text NOT NULL CHECK (operation IN ('CREATE', 'UPDATE', 'DELETE')),
    "changeData" jsonb,
    processed boolean NOT NULL DEFAULT false,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "syncEvents_unprocessed_idx" ON "syncEvents" (id) WHERE NOT processed;

-- Measurements: appended, never identified.
CREATE TABLE "syncMetrics" (
    "nodeId" uuid NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    "measuredAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "syncConfigurations" (
    "nodeId" uuid NOT NULL REFERENCES "syncNodes" ON DELETE CASCADE,
    key text NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY ("nodeId", key)
);

CREATE TABLE "offlineQueue" (
    id bigserial PRIMARY KEY,
    operation text NOT NULL,
    payload jsonb NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    "queuedAt" timestamptz NOT NULL DEFAULT now()
);

-- B2. Device management.

CREATE TABLE "deviceRegistry" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "nodeId" uuid NOT NULL UNIQUE,
    "machineName" text NOT NULL,
    "macAddresses" macaddr[] NOT NULL DEFAULT '{}',
    "businessId" uuid REFERENCES businesses ON DELETE SET NULL,
    "registeredAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "deviceConnectionHistory" (
    id bigserial PRIMARY KEY,
    "deviceId" uuid NOT NULL REFERENCES "deviceRegistry" ON DELETE CASCADE,
    "ipAddress" inet,
    connected tstzrange NOT NULL
);

-- B3. Network and monitoring.

CREATE TABLE "networkPartitions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "affectedNodes" uuid[] NOT NULL,
    type text NOT NULL,
    "startedAt" timestamptz NOT NULL DEFAULT now(),
    "resolvedAt" timestamptz,
    resolution text
);
