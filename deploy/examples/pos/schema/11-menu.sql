-- A8. Restaurant and menu.

CREATE TABLE "menuItems" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL,
    description text,
    category text NOT NULL,
    price amount NOT NULL CHECK (price >= 0),
    "dietaryRestrictions" text[] NOT NULL DEFAULT '{}',
    allergens text[] NOT NULL DEFAULT '{}',
    "preparationTime" interval,
    calories integer,
    "isAvailable" boolean NOT NULL DEFAULT true,
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    UNIQUE ("businessId", name)
);

CREATE TABLE "menuCombos" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL,
    "totalPrice" amount NOT NULL,
    "isActive" boolean NOT NULL DEFAULT true
);

CREATE TABLE "menuComboItems" (
    "comboId" uuid NOT NULL REFERENCES "menuCombos" ON DELETE CASCADE,
    "menuItemId" uuid NOT NULL REFERENCES "menuItems" ON DELETE CASCADE,
    quantity smallint NOT NULL DEFAULT 1 CHECK (quantity > 0),
    "isRequired" boolean NOT NULL DEFAULT true,
    PRIMARY KEY ("comboId", "menuItemId")
);

CREATE TABLE "menuPromotions" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL,
    "discountPercent" numeric(5, 2) CHECK ("discountPercent" BETWEEN 0 AND 100),
    valid tstzrange,
    "daysOfWeek" integer[] NOT NULL DEFAULT '{0,1,2,3,4,5,6}',
    rules jsonb
);

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "tableNumber" smallint,
    status "orderStatus" NOT NULL DEFAULT 'open',
    "servedBy" uuid REFERENCES employees ON DELETE SET NULL,
    "guestCount" smallint,
    tip amount NOT NULL DEFAULT 0,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "orderItems" (
    "orderId" bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    line smallint NOT NULL,
    "menuItemId" uuid REFERENCES "menuItems" ON DELETE SET NULL,
    "comboId" uuid REFERENCES "menuCombos" ON DELETE SET NULL,
    quantity smallint NOT NULL DEFAULT 1,
    price amount NOT NULL,
    wishes text,
    PRIMARY KEY ("orderId", line)
);
