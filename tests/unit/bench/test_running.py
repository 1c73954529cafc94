"""Topics run one after the other; none keeps another from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.results import Result, told
from bench.topics import Topic
from bench.world import ANY, FULL, QUICK, Bench, Skipped
from promtsdb_dagster.errors import InputError

ENGINES = ("postgresql", "timescaledb")


@dataclass(frozen=True)
class Fake(Topic):
    """A topic without a module."""

    work: Callable[[Bench], Iterator[Result]] = lambda _: iter(())

    def load(self) -> Callable[[Bench], Iterator[Result]]:
        return self.work


class FakeServer:
    """A server that only keeps the list of its databases."""

    def __init__(self, broken: bool) -> None:
        self.broken = broken
        self.databases: list[str] = []

    def prepare(self) -> None:
        if self.broken:
            raise RuntimeError("does not migrate")

    def migrated_url(self) -> str:
        self.databases.append(f"postgresql://here/bench_{len(self.databases)}")
        return self.databases[-1]

    def drop(self, url: str) -> None:
        self.databases.remove(url)

    def versions(self) -> dict[str, object]:
        return {"postgresql": "15.1"}


class FakeServers:
    """Servers by engine; those in `absent` cannot run here."""

    absent: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def __init__(self, _bindir: Path | None) -> None:
        self.by_engine = {name: FakeServer(name in self.broken) for name in (*ENGINES, ANY)}

    def missing(self, engine: str) -> str | None:
        return "no such extension" if engine in self.absent else None

    def running(self, engine: str) -> FakeServer:
        return self.by_engine[engine]

    def stop(self) -> None:
        left = {name: server.databases for name, server in self.by_engine.items()}
        assert not any(left.values()), left


def good(name: str) -> Callable[[Bench], Iterator[Result]]:
    def run(bench: Bench) -> Iterator[Result]:
        bench.new_database()
        yield told(name, bench.engine, bench.rounds, unit="rounds")

    return run


def failing(bench: Bench) -> Iterator[Result]:
    bench.new_database()
    yield told("found before", bench.engine, 1, unit="s")
    raise ZeroDivisionError("a bug")


def skipping(bench: Bench) -> Iterator[Result]:
    raise Skipped("vmalert is not installed")
    yield


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, list[dict]]]:
    """Run the command on made-up topics; return its status and the rows of its file."""

    def run(topics: list[Topic], *options: str, **servers: tuple[str, ...]) -> object:
        monkeypatch.setattr(command, "chosen", lambda _: topics)
        monkeypatch.setattr(command, "Servers", type("Some", (FakeServers,), servers))
        path = tmp_path / "results.json"
        status = command.main(["--size", "quick", "--output", str(path), *options])
        return status, json.loads(path.read_text()) if path.exists() else []

    return run


def keys(rows: list[dict]) -> list[tuple[str, str]]:
    return [(row["name"], row["engine"]) for row in rows]


def test_every_topic_runs_on_its_engines(bench: Callable) -> None:
    topics = [Fake("a", (ANY,), "", good("once")), Fake("b", ENGINES, "", good("twice"))]
    status, rows = bench(topics)
    assert status == 0
    assert keys(rows) == [("once", ANY), ("twice", "postgresql"), ("twice", "timescaledb")]
    detail = rows[1]["detail"]
    assert (detail["topic"], detail["size"], detail["seed"]) == ("b", "quick", 1)
    assert {"cores", "memory_gb", "python", "postgresql"} == set(detail["machine"])
    assert rows[0]["value"] == QUICK.rounds


def test_a_missed_target_is_no_failure(bench: Callable) -> None:
    def slow(bench: Bench) -> Iterator[Result]:
        yield Result("slow", bench.engine, 9, "s", "<= 1", False)

    status, rows = bench([Fake("a", (ANY,), "", slow)])
    assert (status, rows[0]["met"]) == (0, False)


def test_a_topic_that_failed_is_named_and_the_others_go_on(
    bench: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = [Fake("bad", ENGINES, "", failing), Fake("good", ENGINES, "", good("fine"))]
    status, rows = bench(topics, "--engine", "postgresql")
    assert status == 1
    assert keys(rows) == [("found before", "postgresql"), ("fine", "postgresql")]
    told = capsys.readouterr().out
    assert "failed: bad on postgresql" in told
    assert "ZeroDivisionError: a bug" in told


def test_what_cannot_run_here_is_skipped_with_its_reason(
    bench: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = [Fake("live", ENGINES, "", skipping), Fake("good", ENGINES, "", good("fine"))]
    status, rows = bench(topics, absent=("timescaledb",))
    assert (status, keys(rows)) == (0, [("fine", "postgresql")])
    told = capsys.readouterr().out
    assert "skipped live on postgresql: vmalert is not installed" in told
    assert "skipped timescaledb: no such extension" in told


def test_a_server_that_does_not_start_fails_its_engine_alone(
    bench: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    status, rows = bench([Fake("good", ENGINES, "", good("fine"))], broken=("postgresql",))
    assert (status, keys(rows)) == (1, [("fine", "timescaledb")])
    assert "failed: postgresql" in capsys.readouterr().out


def test_keep_leaves_what_was_not_run(bench: Callable) -> None:
    first, second = Fake("a", ENGINES, "", good("first")), Fake("b", ENGINES, "", good("second"))
    bench([first, second])
    _, rows = bench([first], "--engine", "timescaledb", "--rounds", "7", "--keep")
    assert {(row["name"], row["engine"]): row["value"] for row in rows} == {
        ("first", "postgresql"): 3,
        ("first", "timescaledb"): 7,
        ("second", "postgresql"): 3,
        ("second", "timescaledb"): 3,
    }
    _, rows = bench([first], "--engine", "timescaledb")
    assert keys(rows) == [("first", "timescaledb")]


def test_an_unknown_topic_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    assert command.main(["--only", "gardening", "--output", str(path)]) == 2
    assert "no benchmark is named gardening" in capsys.readouterr().out
    assert not path.exists()


def test_rounds_are_one_or_more(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--rounds", "0"])
    assert "1 or more" in capsys.readouterr().err


def test_a_size_picks_its_number() -> None:
    assert (QUICK.pick(quick=1, full=9), FULL.pick(quick=1, full=9)) == (1, 9)


def test_chosen_topics_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import topics

    there = [Fake(name, (ANY,), "") for name in ("results", "world", "table")]
    absent = Fake("not_written", (ANY,), "")
    monkeypatch.setattr(topics, "TOPICS", (*there, absent))
    assert [topic.name for topic in topics.chosen(())] == ["results", "world", "table"]
    assert [topic.name for topic in topics.chosen(["table", "results"])] == ["results", "table"]
    with pytest.raises(InputError, match="not_written"):
        topics.chosen(["not_written"])
