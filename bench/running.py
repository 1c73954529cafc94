"""Run topics one after the other; one that fails or cannot run here keeps no other from it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.results import Result
from bench.servers import Servers
from bench.topics import Topic
from bench.world import ANY, Bench, Size, Skipped


@dataclass
class Outcome:
    """What came of all topics; each is known by its name and engine."""

    results: list[Result] = field(default_factory=list)
    finished: dict[tuple[str, str], float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Runner:
    """How to run topics, and whom to tell."""

    servers: Servers
    size: Size
    rounds: int
    seed: int
    facts: Callable[[str], dict[str, object]]
    say: Callable[[str], None]
    show: Callable[[Result], None]

    def run(self, topics: Sequence[Topic], engines: Sequence[str]) -> Iterator[Outcome]:
        """Run all, and yield what is known after each."""
        outcome = Outcome()
        for engine in (ANY, *engines):
            suited = [topic for topic in topics if engine in topic.engines]
            if suited and engine != ANY and (why := self.servers.missing(engine)):
                outcome.skipped[engine] = why
                self.say(f"skipped {engine}: {why}")
                continue
            if suited and engine != ANY and not self._prepare(engine, outcome):
                continue
            for topic in suited:
                self._run_one(topic, engine, outcome)
                yield outcome
        self.servers.stop()

    def _prepare(self, engine: str, outcome: Outcome) -> bool:
        """Start the engine's server and migrate: no topic's time."""
        self.say(f"starting {engine}")
        try:
            self.servers.running(engine).prepare()
        # As for a topic: the other engine can still be measured.
        except Exception:
            outcome.failed.append(engine)
            self.say(f"{engine} failed:\n{traceback.format_exc()}")
        return engine not in outcome.failed

    def _run_one(self, topic: Topic, engine: str, outcome: Outcome) -> None:
        what = topic.name if engine == ANY else f"{topic.name} on {engine}"
        self.say(f"{what}: {topic.description}")
        began = time.monotonic()
        bench = Bench(self.size, engine, self.rounds, self.seed, self.servers, self.say)
        try:
            for result in topic.load()(bench):
                full = result.with_detail(topic=topic.name, size=self.size.name, seed=self.seed)
                full = full.with_detail(machine=self.facts(engine))
                outcome.results.append(full)
                self.show(full)
            outcome.finished[topic.name, engine] = time.monotonic() - began
        except Skipped as reason:
            outcome.skipped[what] = str(reason)
            self.say(f"skipped {what}: {reason}")
        # Whatever went wrong in one topic, the others can still be measured.
        except Exception:
            outcome.failed.append(what)
            self.say(f"{what} failed:\n{traceback.format_exc()}")
        finally:
            bench.clean_up()
