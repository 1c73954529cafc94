"""A sample becomes the row that Telegraf would have written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Converted, Routing, convert, tag_id
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceIncomplete

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
FIRST = int(START.timestamp())
ROUTING = Routing(geo=frozenset({"place"}), cumulative=frozenset({"bytes_sent"}))


def rule(record: str = "Locked_Tokens", **labels: str) -> Rule:
    return Rule("backfill_1w", record, "up", labels, "rules/x.yaml", 7)


def answer(values: list[list[object]], **labels: str) -> dict[str, object]:
    return {"metric": {"__name__": "up", **labels}, "values": values}


def converted(*items: dict[str, object], of: Rule | None = None) -> Converted:
    window = Window(START, START + 4 * HOUR)
    return convert(of or rule(), items, window=window, step=HOUR, routing=ROUTING)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, -3750763034362895579),
        (
            {"host": "telegraf", "instance": "foobar:443", "tli_name": "total_mfx_burned"},
            991195308733540956,
        ),
        (
            {
                "tli_name": "total_mfx_burned",
                "host": "telegraf",
                "instance": "foobar:443",
                "manifest_chain": "manifest-ledger-mainnet",
                "manifest_tier": "mainnet",
                "source": "postgres",
            },
            1582262283298581599,
        ),
    ],
)
def test_a_tag_id_is_what_telegraf_computes(tags: dict[str, str], expected: int) -> None:
    assert tag_id(tags) == expected


def test_a_series_carries_the_tags_of_telegraf() -> None:
    [series] = converted(answer([[FIRST, "1"]], amount="5", manifest_tier="testnet")).series

    assert series.name == "locked_tokens"
    assert series.schema == "testnet"
    assert series.tags == {
        "amount": "5",
        "host": "telegraf",
        "manifest_tier": "testnet",
        "tli_name": "locked_tokens",
    }
    assert series.tag_id == tag_id(series.tags)


def test_labels_of_the_rule_win_and_an_own_host_stays() -> None:
    [series] = converted(
        answer([[FIRST, "1"]], host="node-1", job="a"), of=rule("x", job="b")
    ).series

    assert series.tags["host"] == "node-1"
    assert series.tags["job"] == "b"


@pytest.mark.parametrize(
    ("record", "tier", "expected"),
    [
        ("place", "mainnet", "geo"),
        ("bytes_sent", "mainnet", "cumsum"),
        ("price", "mainnet", "mainnet"),
        ("price", "testnet", "testnet"),
        ("price", "devnet", "common"),
        ("price", "", "common"),
    ],
)
def test_a_series_is_routed_by_name_then_tier(record: str, tier: str, expected: str) -> None:
    [series] = converted(answer([[FIRST, "1"]], manifest_tier=tier), of=rule(record)).series

    assert series.schema == expected


def test_nan_and_infinities_are_dropped_and_counted() -> None:
    result = converted(
        answer([[FIRST, "NaN"], [FIRST + 3600, "+Inf"], [FIRST + 7200, "-Inf"]], a="1"),
        answer([[FIRST, "NaN"], [FIRST + 3600, "2"]], a="2"),
    )

    assert result.dropped == {
        ("NaN", FIRST): 2,
        ("infinite", FIRST + 3600): 1,
        ("infinite", FIRST + 7200): 1,
    }
    assert [(s.times, s.values) for s in result.series] == [([FIRST + 3600], ["2"])]


@pytest.mark.parametrize(("letter", "size"), [("x", 32_767), ("é", 16_383), ("🜁", 8_191)])
def test_labels_without_end_are_dropped_and_counted(letter: str, size: int) -> None:
    """As Telegraf refuses them: by the bytes of names and values together, here `a`'s too."""
    samples = [[FIRST, "1"], [FIRST + 3600, "2"]]
    result = converted(answer(samples, a=letter * size))
    assert result.rows == 2
    assert not result.dropped

    result = converted(answer(samples, a=letter * (size + 1)), answer(samples, a="short"))
    assert result.rows == 2
    assert result.dropped == {
        ("labels too large", FIRST): 1,
        ("labels too large", FIRST + 3600): 1,
    }


def test_rows_are_not_told_to_a_log() -> None:
    found = converted(answer([[FIRST, "7.25"], [FIRST + 3600, "NaN"]]))
    assert found.series
    assert found.dropped
    assert "7.25" not in repr(found)
    assert "NaN" not in repr(found)


@pytest.mark.parametrize("instant", [FIRST - 3600, FIRST + 4 * 3600, FIRST + 1, FIRST + 0.5])
def test_samples_that_were_not_asked_for_fail_the_window(instant: float) -> None:
    with pytest.raises(SourceIncomplete, match="wanted multiples of 3600 s"):
        converted(answer([[instant, "1"]]))


def test_more_samples_than_instants_fail_the_window() -> None:
    with pytest.raises(SourceIncomplete, match="wanted at most 4"):
        converted(answer([[FIRST, "1"]] * 5))


@pytest.mark.parametrize("instants", [(0, 0), (7200, 3600)])
def test_instants_that_come_twice_or_out_of_order_fail_the_window(
    instants: tuple[int, int],
) -> None:
    with pytest.raises(SourceIncomplete, match="not in the order of time"):
        converted(answer([[FIRST + instant, "1"] for instant in instants]))


@pytest.mark.parametrize("value", ["0x10", "", None, 5, "1,2"])
def test_a_value_that_is_no_number_fails_the_window(value: object) -> None:
    with pytest.raises(SourceIncomplete, match="no number"):
        converted(answer([[FIRST, value]]))


def test_instants_may_come_as_floats_and_series_share_them() -> None:
    whole = [FIRST + hour * 3600 for hour in range(4)]
    holed = [float(whole[0]), float(whole[2])]
    result = converted(
        answer([[float(t), "1"] for t in whole], a="1"),
        answer([[t, "2.5"] for t in holed], a="2"),
        answer([[t, "1e3"] for t in whole], a="3"),
        answer([[t, "0"] for t in holed], a="4"),
    )

    one, two, three, four = result.series
    assert one.times == three.times == whole
    assert two.times == [whole[0], whole[2]]
    assert all(type(t) is int for series in result.series for t in series.times)
    assert one.times is three.times
    assert two.times is four.times
    assert [series.values[0] for series in result.series] == ["1", "2.5", "1000", "0"]


def test_a_label_set_that_comes_twice_names_file_line_and_rule() -> None:
    with pytest.raises(RuleError, match=r"rules/x\.yaml:7: rule 'Locked_Tokens' .* twice"):
        converted(answer([[FIRST, "1"]], a="1"), answer([[FIRST, "1"]], a="1", b=""))


def test_labels_may_hold_anything_that_postgresql_cannot() -> None:
    long = "x" * 10_000
    result = converted(answer([[FIRST, "1"]], odd="a\0b", word="größe 🦊", long=long))
    [series] = result.series

    assert result.repaired_labels == 1
    assert series.tags["odd"] == "a\N{REPLACEMENT CHARACTER}b"
    assert series.tags["word"] == "größe 🦊"
    assert series.tags["long"] == long
    # The id is that of the labels as they came, so that two series never become one.
    assert series.tag_id == tag_id({**series.tags, "odd": "a\0b"})
