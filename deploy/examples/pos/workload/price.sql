-- A price changes (a trigger writes the history); products with a long description keep it untouched in TOAST.
\set product random(1, :products)
\set cents random(50, 9900)
UPDATE "businessProducts" SET "basePrice" = round(:cents / 100.0, 2), "costPrice" = CASE WHEN :cents % 9 = 0 THEN NULL ELSE round(:cents / 150.0, 2) END WHERE id = md5('product-' || :product)::uuid;
