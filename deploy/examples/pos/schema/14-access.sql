-- A12. Security and access control.

CREATE TABLE permissions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text,
    category text NOT NULL
);

CREATE TABLE "userPermissions" (
    "userId" text NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    "permissionId" integer NOT NULL REFERENCES permissions ON DELETE CASCADE,
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    granted boolean NOT NULL DEFAULT true,
    "expiresAt" timestamptz,
    PRIMARY KEY ("userId", "permissionId", "businessId")
);

CREATE TABLE "macAclEntry" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "macAddress" macaddr NOT NULL,
    "listType" text NOT NULL CHECK ("listType" IN ('whitelist', 'blacklist')),
    reason text,
    "expiresAt" timestamptz,
    UNIQUE ("businessId", "macAddress")
);
