-- The rights of the web processes, a user of their own: they can add links, and take one down, but not change or remove
-- one, nor the triggers that forbid it. Run it as the owner of the database after each `manage.py migrate`:
--     psql OWNER_URL -v ON_ERROR_STOP=1 -v password=WEB_PASSWORD -f deploy/rights.sql

SELECT 'CREATE ROLE web LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'web') \gexec
ALTER ROLE web PASSWORD :'password';
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM web, PUBLIC;
REVOKE CREATE ON SCHEMA public FROM web, PUBLIC;
GRANT USAGE ON SCHEMA public TO web;
GRANT SELECT ON django_migrations TO web;
GRANT SELECT, INSERT, UPDATE (tombstone) ON playground_link TO web;
GRANT SELECT, INSERT, DELETE ON playground_report TO web;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO web;
