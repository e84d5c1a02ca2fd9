-- D. Audit trail: travels like business data, and is kept for compliance.
-- Audit rows outlive what they speak of: they hold identifiers, not foreign keys.

CREATE TABLE "auditLogs" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action text NOT NULL,
    "entityType" text NOT NULL,
    "entityId" text NOT NULL,
    "userId" text,
    "oldValues" jsonb,
    "newValues" jsonb,
    "ipAddress" inet,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "auditLogs_entity_idx" ON "auditLogs" ("entityType", "entityId");

CREATE TABLE "conflictResolutions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "syncEventId" bigint NOT NULL, -- of "syncEvents" on the device that resolved it
    "resolutionType" text NOT NULL,
    "winningValue" jsonb,
    "losingValue" jsonb,
    "resolvedBy" text,
    "resolvedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "dataSnapshots" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tableName" text NOT NULL,
    "recordId" text NOT NULL,
    data jsonb NOT NULL,
    checksum char(64),
    "takenAt" timestamptz NOT NULL DEFAULT now()
);
