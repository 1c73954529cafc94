"""Which test runs each command of the documents.

A command is named by its first line. `tests/docs/test_commands.py` compares both ways, and says of
an entry when its test is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = "tests/docs/test_commands.py::"
# Runs them all, one after the other, with the servers of the fixtures.
OWN_SERVERS = "tests/docs/test_own_servers.py::test_the_commands_do_what_they_say"
# Runs them on the bundled stack when the demo is over.
TUTORIAL = "tests/e2e/test_demo.py::test_a_demo_shows_everything_and_a_second_one_only_adds"
# Runs them in the shell, and looks whether the variables are those that programs read.
EXPORT = _HERE + "test_what_is_exported_is_read_by_somebody"
# No engine of containers is at hand. Compose's files, services and the commands inside of
# containers are compared with what there is; the containers' own commands are started as processes
# by tests/e2e/test_compose_stack.py, and a real Compose reads the files in `make check`.
READ_ONLY = _HERE + "test_a_compose_command_names_what_exists"
RULES = _HERE + "test_rules_of_ones_own_are_rendered_and_checked"
PORTABLE = _HERE + "test_one_folder_for_golang_migrate"
# What continuous integration runs; a test cannot run all tests.
CI = ".ci/run"
_PAGES = "tests/e2e/test_recovery_pages.py::"
_DUMP = (
    "tests/e2e/test_recovery_dump.py::"
    "test_a_restored_database_is_filled_up_to_what_it_would_have_been"
)
_MANAGED = "tests/integration/test_managed_servers.py::"

_TOLD = "tests/docs/test_be_told.py::test_a_try_reaches_the_webhook"

_A_WEEK = "ASSET=backfill_1w FROM=2026-11-15 TO=2026-11-21"
_ADMIN = 'psql --no-psqlrc --dbname "$NEW_ADMIN_URL"'
_STACK = ".venv/bin/python -m promtsdb_dagster.localstack"
_RULESETS = ".venv/bin/python -m promtsdb_dagster.rulesets"
_PROMETHEUS = "export DATASOURCE_URL=https://prometheus.example:9090"
_COMPOSE = "docker compose -f docker/compose.yaml"

COMMANDS: Mapping[str, str] = {
    # make
    "make demo": TUTORIAL,
    "make up": TUTORIAL,
    "make check": CI,
    "make test": CI,
    "make bench": _HERE + "test_options_of_the_benchmarks_are_taken",
    "make bench SIZE=quick ARGS='--only api --engine timescaledb'": _HERE
    + "test_options_of_the_benchmarks_are_taken",
    "make migrate": OWN_SERVERS,
    "make health": OWN_SERVERS,
    f"make backfill {_A_WEEK} ARGS=--dry-run": OWN_SERVERS,
    f"make backfill {_A_WEEK}": OWN_SERVERS,
    f"make backfill {_A_WEEK} ARGS=--recheck": OWN_SERVERS,
    "make refresh FROM=2026-11-15 TO=2026-11-21": OWN_SERVERS,
    "make recall": _PAGES + "test_a_lost_dagster",
    "make backfill ASSET=backfill_forever FROM=2026-11-11 TO=2026-11-18": _PAGES
    + "test_a_lost_dagster",
    "make refresh FROM=2026-11-11 TO=2026-11-14": _PAGES
    + "test_a_wrong_rule_and_a_damaged_aggregate",
    "make replace METRIC=web_requests FROM=2026-11-04 TO=2026-11-21": _PAGES
    + "test_a_wrong_rule_and_a_damaged_aggregate",
    'make move URL="$OLD_URL"': _PAGES + "test_a_move",
    # dumps
    'pg_dumpall --dbname "$ADMIN_URL" --roles-only --no-role-passwords --file roles.sql': _DUMP,
    'pg_dump --dbname "$ADMIN_URL" --format custom --file metrics.dump': _DUMP,
    'psql --no-psqlrc --dbname "$NEW_SERVER_URL" --file roles.sql': _DUMP,
    'createdb --maintenance-db "$NEW_SERVER_URL" metrics': _DUMP,
    'pg_restore --dbname "$NEW_ADMIN_URL" --exit-on-error metrics.dump': _DUMP,
    f'{_ADMIN} --command "CREATE EXTENSION timescaledb"': _DUMP,
    f'{_ADMIN} --command "SELECT timescaledb_pre_restore()"': _DUMP,
    f'{_ADMIN} --command "SELECT timescaledb_post_restore()"': _DUMP,
    f"{_ADMIN} --file docker/timescaledb/roles.sql": _DUMP,
    'vacuumdb --dbname "$NEW_ADMIN_URL" --analyze-only': _DUMP,
    "make backfill ASSET=backfill_forever FROM=2026-11-10 TO=2026-11-20": _DUMP,
    # the tutorial and the API
    f'eval "$({_STACK} env)"': TUTORIAL,
    "psql \"$DATABASE_URL\" --command \"SELECT * FROM api.get_agg_metric('node_count', 'common',"
    " '1 day', current_date - 7, current_date)\"": TUTORIAL,
    'curl "$API_URL/rpc/get_latest_circulating_supply?p_schema=mainnet"': TUTORIAL,
    "psql \"$DATABASE_URL\" <<'SQL'": TUTORIAL,
    "make coverage": TUTORIAL,
    f"{_STACK} remove": TUTORIAL,
    "curl 'http://localhost:3000/rpc/get_agg_metric?p_metric_name=node_count&p_schema=common"
    "&p_interval=1%20hour&p_from=2026-11-01T00:00:00Z&p_to=2026-11-02T00:00:00Z'": TUTORIAL,
    'curl --json \'{"p_schema": "mainnet"}\' http://localhost:3000/rpc/get_latest_fdv': TUTORIAL,
    "TOKEN=$(promtsdb token --role writer --hours 1)": TUTORIAL,
    "curl -X POST http://localhost:3000/rpc/add_excluded_address"
    ' -H "Authorization: Bearer $TOKEN" \\': TUTORIAL,
    # rules and migrations
    "mkdir my-rules": RULES,
    "export RULES_DIR=$PWD/my-rules": RULES,
    f"{_RULESETS} render --rules-dir my-rules": RULES,
    f"{_RULESETS} check --rules-dir my-rules": RULES,
    "cp -r sql/migrations all": PORTABLE,
    "cp sql/portable/* all/": PORTABLE,
    # databases that others run
    'psql --no-psqlrc --dbname "$DATABASE_URL" --file docker/timescaledb/roles.sql': _MANAGED
    + "test_the_page_makes_an_owner_and_the_logins",
    "psql --no-psqlrc \"$DATABASE_URL\" --command 'ALTER EXTENSION timescaledb UPDATE'": _MANAGED
    + "test_whoever_made_the_extension_may_update_it",
    # the environment
    _PROMETHEUS: EXPORT,
    "export DATABASE_URL=postgresql://owner:secret@db.example/metrics": EXPORT,
    "export DATABASE_URL='postgresql://promtsdb:secret@db.example:5432/metrics?sslmode=verify-full"
    "&sslrootcert=/etc/ssl/certs/ca.pem'": EXPORT,
    "export OLD_URL=postgresql://promtsdb@old.example/metrics": EXPORT,
    "export DATABASE_URL=postgresql://promtsdb@new.example/metrics": EXPORT,
    "export TELEGRAF_DB_PASSWORD=$(openssl rand -hex 24)": EXPORT,
    "export POSTGREST_DB_PASSWORD=$(openssl rand -hex 24)": EXPORT,
    "export DOCKER_GROUP_ID=$(stat -c %g /var/run/docker.sock)": EXPORT,
    "for name in POSTGRES_PASSWORD OWNER_PASSWORD DAGSTER_DB_PASSWORD TELEGRAF_DB_PASSWORD \\": (
        _HERE + "test_the_secrets_that_are_made_are_those_that_compose_requires"
    ),
    # who is told
    "export NOTIFY_WEBHOOK_URL=https://hooks.example.org/services/T0000/B0000/secret": _TOLD,
    "export NOTIFY_WEBHOOK_FORMAT=slack": _TOLD,
    "export DAGSTER_PUBLIC_URL=https://dagster.example.org": _TOLD,
    ".venv/bin/dagster job execute -m promtsdb_dagster.definitions -j try_notifier": _TOLD,
    'curl --json \'{"query": "{ instance { daemonHealth { allDaemonStatuses'
    " { daemonType required healthy } } } }\"}' http://127.0.0.1:3030/graphql": (
        "tests/e2e/test_daemon.py::test_ten_partitions_lead_to_one_refresh_of_what_they_feed"
    ),
    # Compose
    f"{_COMPOSE} up -d --build": READ_ONLY,
    f"{_COMPOSE} up -d": READ_ONLY,
    f"{_COMPOSE} restart vmalert": READ_ONLY,
    f"{_COMPOSE} exec timescaledb psql -X -U promtsdb -d metrics"
    " -c 'ALTER EXTENSION timescaledb UPDATE'": READ_ONLY,
    f"{_COMPOSE} -f docker/compose.docker-launcher.yaml up -d --build": READ_ONLY,
}
