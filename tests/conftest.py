"""Every fixture lives in a module named after what it fixes."""

from __future__ import annotations

pytest_plugins = [
    "tests.fix_environment",
    "tests.fix_postgres",
    "tests.fix_pglite",
    "tests.fix_prometheus",
    "tests.fix_telegraf",
    "tests.fix_replay",
    "tests.fix_deployment",
    "tests.fix_postgrest",
    "tests.fix_caddy",
    "tests.fix_summary",
]
