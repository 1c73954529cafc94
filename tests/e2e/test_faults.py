"""The short form of the fault suite, and the oracle that everything there is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
import stamina

from faults.catalog import catalog
from faults.document import DOCUMENT, rewritten
from faults.fault import BOTH, Fault
from faults.results import RESULTS, load
from faults.running import try_one
from faults.servers import missing, running_source, running_world
from faults.source import Source
from faults.truth import Truth, identity
from faults.world import World
from promtsdb_dagster.localstack.binaries import find_program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SHORT = [fault for fault in catalog() if fault.tries.get("short")]
SEED = 20261122


@pytest.fixture(scope="module")
def source() -> Iterator[tuple[Source, Truth]]:
    """Run one Prometheus for both engines, which is asked once."""
    for program in ("prometheus", "promtool"):
        if find_program(program) is None:
            pytest.skip(f"{program} is not there; `sudo apt-get install prometheus` has it")
    stamina.instrumentation.set_on_retry_hooks([])
    with running_source() as found:
        yield found
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture(scope="module", params=BOTH)
def world(request: pytest.FixtureRequest, source: tuple[Source, Truth]) -> Iterator[World]:
    """Run the servers of each engine in turn."""
    if why := missing(request.param):
        pytest.skip(why)
    with running_world(request.param, *source, seed=SEED) as found:
        yield found


@pytest.mark.parametrize("fault", SHORT, ids=lambda each: each.name)
def test_nothing_is_lost_doubled_or_wrong(world: World, fault: Fault) -> None:
    """What the long form tries hundreds of times is tried once or twice."""
    if world.engine not in fault.engines:
        pytest.skip(f"there is nothing of the kind on {world.engine}")
    if lacking := [name for name in fault.needs if find_program(name) is None]:
        pytest.skip(f"{', '.join(lacking)} is not there; `make tools` or apt-get has it")

    result = try_one(world, fault, fault.tries["short"])

    assert result.never_right == []
    assert (result.lost, result.doubled, result.wrong) == (0, 0, 0)


# What somebody does to a database behind our back, and what the oracle must say of it.
CHANGES = {
    "DELETE FROM internal.prometheus_remote_write WHERE ctid = ANY (ARRAY(SELECT ctid"
    " FROM internal.prometheus_remote_write LIMIT 1))": "lost in internal rows",
    "INSERT INTO cumsum.prometheus_remote_write SELECT time + interval '30 s', tag_id, name,"
    " schema, value FROM cumsum.prometheus_remote_write LIMIT 1": "doubled in cumsum rows",
    "UPDATE cumsum.prometheus_remote_write SET value = value + 0.001": "wrong in cumsum rows",
    "UPDATE internal.prometheus_remote_write_tag SET labels = labels || '{\"x\": \"y\"}'":
        "wrong in tags",
    "DELETE FROM internal.backfill_ledger WHERE record = 'node_count'": "lost in ledger",
    "UPDATE internal.backfill_ledger SET verified_at = NULL": "wrong in ledger (never verified)",
    "INSERT INTO internal.backfill_ledger SELECT rule_group, rule, record, step, window_start,"
    " window_end + interval '1 s', series, rows_source, rows_written, rows_present,"
    " samples_dropped FROM internal.backfill_ledger": "doubled in ledger",
}  # fmt: skip


def test_the_oracle_sees_what_was_changed(world: World) -> None:
    """Each change alone, on a database where it finds nothing before."""
    world.new_database()
    world.finish()
    world.refresh()
    assert not world.compare(aggregates=True)
    for change, seen in CHANGES.items():
        world.postgres.copy(world.database_url, "changed")
        with psycopg.connect(world.postgres.admin_url("changed"), autocommit=True) as connection:
            connection.execute(change)
        changed = replace(world, database_url=world.postgres.url("changed"), say=lambda _: None)
        assert seen in changed.compare(aggregates=True).where, change


def test_identities_are_telegrafs() -> None:
    """Two known ones, of which the contract speaks."""
    labels = {"host": "telegraf", "instance": "foobar:443", "tli_name": "total_mfx_burned"}
    assert identity(labels) == 991195308733540956
    assert identity({}) == -3750763034362895579


def test_the_page_shows_the_results() -> None:
    """`python -m faults --document` writes the table anew."""
    results = load(RESULTS) if RESULTS.exists() else []
    text = DOCUMENT.read_text("utf-8")
    assert text == rewritten(text, results)
    assert {each.fault for each in results} <= {fault.name for fault in catalog()}
    assert all(each.good for each in results)
