"""What a migration's description says of its text."""

from __future__ import annotations

from promtsdb_dagster.core.sql_contents import made, remark

TEXT = """\
-- Hours and days,
-- on top of minutes.

CREATE UNLOGGED TABLE staging.rows (time timestamptz);
CREATE TABLE internal.tag ();
CREATE OR REPLACE FUNCTION api.get_tag(p_id bigint) RETURNS text
AS $$
    CREATE TABLE not.this ()
$$;
CREATE FUNCTION api.get_tag(p_id text) RETURNS text AS $$ $$;
CREATE MATERIALIZED VIEW geo.latest AS SELECT 1;
"""


def test_the_remark_is_the_comment_at_the_head() -> None:
    assert remark(TEXT) == "Hours and days, on top of minutes."
    assert remark("CREATE TABLE a ();\n-- later\n") == ""


def test_what_is_made_is_listed_by_kind_and_once() -> None:
    assert (
        made(TEXT)
        == "table `staging.rows`, `internal.tag`; function `api.get_tag`; view `geo.latest`"
    )
    assert made("ALTER TABLE a SET ();") == ""


def test_a_long_list_is_cut() -> None:
    text = "\n".join(f"CREATE TABLE t{number} ();" for number in range(14))
    assert made(text).endswith("`t11`, and 2 more")
