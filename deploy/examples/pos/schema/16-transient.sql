-- C. Transient data: of this moment and this device; never in any backup.

CREATE TABLE sessions (
    id text PRIMARY KEY,
    "sessionToken" text NOT NULL UNIQUE,
    "userId" text NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    "expires" timestamptz NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE "esp32ConnectedClients" (
    "macAddress" macaddr PRIMARY KEY,
    "wifiTokenId" uuid REFERENCES "wifiTokens" ON DELETE CASCADE,
    "ipAddress" inet,
    "connectedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "r710ConnectedClients" (
    "macAddress" macaddr PRIMARY KEY,
    "tokenId" uuid REFERENCES "r710Tokens" ON DELETE CASCADE,
    "signalStrength" smallint,
    "connectedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "chatRooms" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL
);

CREATE TABLE "chatParticipants" (
    "roomId" uuid NOT NULL REFERENCES "chatRooms" ON DELETE CASCADE,
    "userId" text NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    "lastReadAt" timestamptz,
    PRIMARY KEY ("roomId", "userId")
);

CREATE TABLE "chatMessages" (
    id bigserial PRIMARY KEY,
    "roomId" uuid NOT NULL REFERENCES "chatRooms" ON DELETE CASCADE,
    "userId" text NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    message text NOT NULL,
    "sentAt" timestamptz NOT NULL DEFAULT now()
);
