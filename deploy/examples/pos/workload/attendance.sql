-- An employee comes or goes. The row of a day is made on the first touch.
\set employee random(1, 24)
\set back random(0, 20)
INSERT INTO "employeeAttendance" ("employeeId", day, "checkIn", status) VALUES (md5('employee-' || :employee)::uuid, CURRENT_DATE - :back, '08:00:00+02', 'present') ON CONFLICT ("employeeId", day) DO UPDATE SET "checkOut" = CURRENT_TIME(0), notes = coalesce("employeeAttendance".notes, '') || '.';
INSERT INTO "employeeTimeTracking" ("employeeId", "businessId", worked, "isOvertime") SELECT id, "primaryBusinessId", tstzrange(now() - interval '8 hours', now()), :back = 0 FROM employees WHERE id = md5('employee-' || :employee)::uuid;
