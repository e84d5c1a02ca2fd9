-- A receipt is printed: PENDING, PRINTING, COMPLETED; some fail, and failed ones are cleared away later.
\set luck random(1, 10)
INSERT INTO "printJobs" ("printerId", "businessId", "jobType", "jobData") VALUES (md5('printer-1')::uuid, md5('business-1')::uuid, 'receipt', jsonb_build_object('lines', :luck)) RETURNING id AS job \gset
UPDATE "printJobs" SET status = 'PRINTING' WHERE id = :job;
\if :luck > 2
UPDATE "printJobs" SET status = 'COMPLETED', "processedAt" = now() WHERE id = :job;
\elif :luck = 2
UPDATE "printJobs" SET status = 'FAILED', "retryCount" = "retryCount" + 1, "errorMessage" = 'out of paper' WHERE id = :job;
\else
DELETE FROM "printJobs" WHERE id IN (SELECT id FROM "printJobs" WHERE status = 'FAILED' ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED);
\endif
