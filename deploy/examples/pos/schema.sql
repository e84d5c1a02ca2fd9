-- The point-of-sale example: every table of a shop application that runs on several devices, in the groups that
-- tables.tsv lists. Load it into an empty database:
--
--     psql -X -v ON_ERROR_STOP=1 -1 -d shop -f schema.sql -f seed.sql
--
-- Names are as the application has them, so most need quotes. Works on PostgreSQL 14 to 18.

SET client_min_messages = warning;

\ir schema/01-types.sql
\ir schema/02-core.sql
\ir schema/03-reference.sql
\ir schema/04-products.sql
\ir schema/05-sales.sql
\ir schema/06-people.sql
\ir schema/07-payroll.sql
\ir schema/08-money.sql
\ir schema/09-projects.sql
\ir schema/10-fleet.sql
\ir schema/11-menu.sql
\ir schema/12-wifi.sql
\ir schema/13-barcodes.sql
\ir schema/14-access.sql
\ir schema/15-device.sql
\ir schema/16-transient.sql
\ir schema/17-audit.sql
\ir schema/18-logic.sql
