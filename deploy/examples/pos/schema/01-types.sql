-- Types that more than one file uses, and the function behind every "updatedAt" trigger.

CREATE DOMAIN amount AS numeric(14, 2);
CREATE DOMAIN "phoneNumber" AS text CHECK (VALUE ~ '^[+]?[0-9 ()-]{4,24}$');

CREATE TYPE "businessType" AS ENUM ('grocery', 'restaurant', 'hardware', 'clothing', 'construction', 'services');
CREATE TYPE "paymentMethod" AS ENUM ('cash', 'card', 'mobileMoney', 'bankTransfer', 'voucher', 'onAccount');
CREATE TYPE "paymentStatus" AS ENUM ('pending', 'paid', 'partial', 'refunded', 'failed');
CREATE TYPE "orderStatus" AS ENUM ('draft', 'open', 'completed', 'cancelled', 'refunded');
CREATE TYPE "stockMovementType" AS ENUM ('purchase', 'sale', 'return', 'adjustment', 'transfer', 'damage', 'count');
CREATE TYPE "printStatus" AS ENUM ('PENDING', 'PRINTING', 'COMPLETED', 'FAILED', 'CANCELLED');
CREATE TYPE "approvalStatus" AS ENUM ('requested', 'approved', 'rejected', 'cancelled');
CREATE TYPE "postalAddress" AS (street text, city text, country text);

CREATE FUNCTION "touchUpdatedAt"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW."updatedAt" := now();
    RETURN NEW;
END
$$;
