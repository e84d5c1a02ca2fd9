-- Before a restore: nothing of the shop's own may work on these tables while their rows are exchanged. An empty database has
-- nothing to pause.
DO $$
BEGIN
    IF to_regclass('public."syncConfigurations"') IS NOT NULL THEN
        UPDATE public."syncConfigurations" SET value = '"paused"' WHERE key = 'enabled' AND value = 'true';
    END IF;
END $$;
