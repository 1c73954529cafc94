#!/bin/sh
# What a new cluster gets before anything else: the owner of the metrics, Dagster's storage. The
# entrypoint of the image runs this once, as its superuser; no service is one.
set -eu
: "${OWNER_PASSWORD:?is not set, wanted the password of the role promtsdb}"
: "${DAGSTER_DB_PASSWORD:?is not set, wanted the password of the role dagster}"

exec psql --no-psqlrc --quiet --username "${POSTGRES_USER:-postgres}" \
    --dbname "${POSTGRES_DB:-postgres}" <<'SQL'
\set ON_ERROR_STOP on
-- The statements below hold passwords.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
\getenv owner_password OWNER_PASSWORD
\getenv dagster_password DAGSTER_DB_PASSWORD

-- CREATEROLE: the migrations and roles.sql make the roles of the API and of the services.
CREATE ROLE promtsdb LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';

-- template0: the image puts TimescaleDB into template1, as the superuser, and then nobody else
-- could update it. The extension is trusted, so the first migration makes it as the owner.
CREATE DATABASE metrics OWNER promtsdb TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE dagster OWNER dagster TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';

-- Each login reaches its own database and no other; roles.sql lets the services into `metrics`.
REVOKE ALL ON DATABASE metrics, dagster FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;

-- TimescaleDB puts functions there that everybody may execute, add_job among them. The owner of the
-- database owns this schema, too, and keeps its rights.
\connect metrics
REVOKE ALL ON SCHEMA public FROM PUBLIC;
\connect dagster
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL
