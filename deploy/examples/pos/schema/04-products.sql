-- A2. Products and inventory.

CREATE TABLE "businessSuppliers" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "supplierNumber" text NOT NULL,
    name text NOT NULL,
    "contactPerson" text,
    phone "phoneNumber",
    email text,
    address "postalAddress",
    "paymentTerms" interval,
    "creditLimit" amount,
    "isActive" boolean NOT NULL DEFAULT true,
    UNIQUE ("businessId", "supplierNumber")
);

CREATE TABLE "inventorySubcategories" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "categoryId" uuid NOT NULL REFERENCES "businessCategories" ON DELETE CASCADE,
    "domainId" uuid REFERENCES "inventoryDomains",
    name text NOT NULL,
    emoji text,
    "displayOrder" smallint NOT NULL DEFAULT 0,
    UNIQUE ("categoryId", name)
);

CREATE TABLE "businessProducts" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    sku text NOT NULL,
    name text NOT NULL,
    description text,
    "categoryId" uuid REFERENCES "businessCategories",
    "subcategoryId" uuid REFERENCES "inventorySubcategories",
    "brandId" uuid REFERENCES "businessBrands",
    "basePrice" amount NOT NULL CHECK ("basePrice" >= 0),
    "costPrice" amount,
    margin amount GENERATED ALWAYS AS ("basePrice" - coalesce("costPrice", 0)) STORED,
    "stockQuantity" numeric(14, 3) NOT NULL DEFAULT 0,
    "reorderLevel" numeric(14, 3),
    attributes jsonb,
    tags text[] NOT NULL DEFAULT '{}',
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, name || ' ' || coalesce(description, ''))) STORED,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    UNIQUE ("businessId", sku)
);
CREATE INDEX "businessProducts_search_idx" ON "businessProducts" USING gin (search);
CREATE INDEX "businessProducts_category_idx" ON "businessProducts" ("categoryId") WHERE "isActive";

CREATE TABLE "productVariants" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "productId" uuid NOT NULL REFERENCES "businessProducts" ON DELETE CASCADE,
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    price amount,
    attributes jsonb NOT NULL DEFAULT '{}',
    "stockQuantity" numeric(14, 3) NOT NULL DEFAULT 0
);

CREATE TABLE "productBarcodes" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "productId" uuid REFERENCES "businessProducts" ON DELETE CASCADE,
    "variantId" uuid REFERENCES "productVariants" ON DELETE CASCADE,
    code text NOT NULL,
    type text NOT NULL DEFAULT 'EAN13',
    "isPrimary" boolean NOT NULL DEFAULT false,
    CHECK ("productId" IS NOT NULL OR "variantId" IS NOT NULL),
    UNIQUE ("businessId", code)
);

CREATE TABLE "productImages" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "productId" uuid NOT NULL REFERENCES "businessProducts" ON DELETE CASCADE,
    "imageUrl" text NOT NULL,
    thumbnail bytea,
    "altText" text,
    "sortOrder" smallint NOT NULL DEFAULT 0
);
-- Thumbnails are compressed already.
ALTER TABLE "productImages" ALTER COLUMN thumbnail SET STORAGE EXTERNAL;

CREATE TABLE "productAttributes" (
    "productId" uuid NOT NULL REFERENCES "businessProducts" ON DELETE CASCADE,
    key text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY ("productId", key)
);

CREATE TABLE "businessStockMovements" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "productId" uuid NOT NULL REFERENCES "businessProducts" ON DELETE CASCADE,
    "variantId" uuid REFERENCES "productVariants" ON DELETE SET NULL,
    type "stockMovementType" NOT NULL,
    quantity numeric(14, 3) NOT NULL CHECK (quantity <> 0),
    "unitCost" amount,
    reference text,
    "employeeId" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "businessStockMovements_product_idx" ON "businessStockMovements" ("productId", "createdAt");

CREATE TABLE "supplierProducts" (
    "supplierId" uuid NOT NULL REFERENCES "businessSuppliers" ON DELETE CASCADE,
    "productId" uuid NOT NULL REFERENCES "businessProducts" ON DELETE CASCADE,
    "supplierSku" text,
    "unitCost" amount NOT NULL,
    "leadTime" interval,
    "isPreferred" boolean NOT NULL DEFAULT false,
    PRIMARY KEY ("supplierId", "productId")
);

-- No primary key: a unique index is what identifies a row, and the table says so.
CREATE TABLE sku_sequences (
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    prefix text NOT NULL,
    "currentSequence" integer NOT NULL DEFAULT 0,
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "sku_sequences_business_prefix_key" ON sku_sequences ("businessId", prefix);
ALTER TABLE sku_sequences REPLICA IDENTITY USING INDEX "sku_sequences_business_prefix_key";

CREATE TABLE product_price_changes (
    id bigserial PRIMARY KEY,
    "productId" uuid NOT NULL REFERENCES "businessProducts" ON DELETE CASCADE,
    "oldPrice" amount NOT NULL,
    "newPrice" amount NOT NULL,
    change amount GENERATED ALWAYS AS ("newPrice" - "oldPrice") STORED,
    reason text,
    "changedBy" text REFERENCES users,
    "changedAt" timestamptz NOT NULL DEFAULT now()
);
