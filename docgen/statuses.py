"""What the numbers mean that commands end with and that the API answers with."""

from __future__ import annotations

EXIT = {
    0: "Done, also when there was nothing to do.",
    1: "Something failed. The message says what; the same command does the rest.",
    2: "The request or the environment makes no sense. Nothing was begun.",
    130: "Interrupted by Ctrl-C. What was committed stays; the same command does the rest.",
}
EXITS = {
    "python -m promtsdb_dagster.localstack": "3: `status` and `env` found no running stack",
    "python -m promtsdb_dagster.rulesets": "1: a rule file drifted or is wrong",
    "python -m bench": "1: a topic failed; a missed target is told and no failure",
    "python -m docgen": "1: `--check` found a page that is not what the code says",
    "python -m faults": "1: a row was lost, doubled or wrong; 2: it could not be tried",
    "python -m fuzz": "1: an input crashed a target, or one did not run",
    "python -m pictures": "1: a picture could not be taken",
}
# Why a backfill leaves a sample out: what it counts in the metadata `samples_dropped_why`.
DROPPED = {
    "NaN": ("The source has no number there.", "Nothing, or mend the rule."),
    "infinite": ("A division by zero, as a rule.", "Mend the rule."),
    "labels too large": (
        "The labels of the series are more than 32,768 bytes; Telegraf refuses it too.",
        "Mend the sender, or leave the label out in the rule.",
    ),
}
# What of it each part answers is tested in tests/integration/test_caddy.py, test_postgrest.py,
# test_postgrest_limits.py and test_security_http.py.
HTTP = {
    200: ("The answer, as JSON.", ""),
    204: ("A writing function did its work; also the answer to what a browser asks before.", ""),
    400: (
        (
            "An argument makes no sense (`22023`, `22007`, `22008`), or the query string asks for "
            "more than the API does: `match`, `imatch`, over four columns, over 2,000 characters."
        ),
        "Do what `hint` says.",
    ),
    401: (
        "No token where one is needed, or one that is wrong, too old or for another audience.",
        "Make a new one with `promtsdb token`.",
    ),
    403: ("The role of the token may not call this function.", "Leave the token out to read."),
    404: (
        (
            "No such function or path, arguments of other names (`PGRST202`), or an address to "
            "remove that is not listed (`PT404`)."
        ),
        "`GET /` describes every function.",
    ),
    405: ("A writing function was called by GET.", "Use POST."),
    406: (
        "Another schema or kind of answer was asked for (`PGRST106`).",
        "Leave `Accept-Profile` and `Content-Profile` out.",
    ),
    409: ("The address to add is listed already (`23505`).", "Nothing is left to do."),
    413: ("The body is larger than 16 kB.", "Send the arguments alone."),
    415: ("The body is no JSON.", "Send `Content-Type: application/json`."),
    429: (
        "The client has had its requests of this window.",
        "Wait for as long as `Retry-After` says; `API_RATE_REQUESTS` sets the limit.",
    ),
    431: ("The header is larger than 16 kB.", "Send fewer or shorter headers."),
    500: (
        (
            "A query took longer than its role may (`57014` in PostgREST's log), or the database "
            "failed. The text stays in PostgREST's log."
        ),
        "Ask for a shorter range or a longer interval.",
    ),
    502: ("Caddy cannot reach PostgREST.", "Start PostgREST; `promtsdb health` says how it is."),
    503: ("PostgREST cannot reach the database.", "Try again; look at the database."),
    504: (
        "No connection of PostgREST's ten was free within 5 s, or no answer came within 20 s.",
        "Try again later.",
    ),
}
