-- When the restore has ended, however it did: what was paused goes on.
DO $$
BEGIN
    IF to_regclass('public."syncConfigurations"') IS NOT NULL THEN
        UPDATE public."syncConfigurations" SET value = 'true' WHERE key = 'enabled' AND value = '"paused"';
    END IF;
END $$;
