"""Folders of rule files, the routing lists, and the command that renders and checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from promtsdb_dagster import rulesets
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.errors import ConfigurationError, RuleError

RULES = Path(__file__).parents[2] / "rules"
LIVE = "groups:\n- name: live\n  interval: 1m\n  rules:\n  - {record: a, expr: b}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RULES, tmp_path / "rules"))


def test_groups_are_found_by_name_whatever_the_file_is_called(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(LIVE)
    (tmp_path / "metrics.yaml").write_text("not: rules\n")
    (tmp_path / "routing.yaml").write_text("geo: []\ncumulative: [Total]\n")
    (tmp_path / ".hidden.yaml").write_text("not: rules\n")
    assert list(load_groups(tmp_path)) == ["live"]
    assert load_routing(tmp_path).cumulative == {"total"}
    assert load_routing(tmp_path).geo == set()


@pytest.mark.parametrize("sub", ["", "missing"])
def test_a_missing_or_empty_folder_says_what_to_set(tmp_path: Path, sub: str) -> None:
    with pytest.raises(ConfigurationError, match="RULES_DIR") as caught:
        load_groups(tmp_path / sub)
    assert str(tmp_path / sub) in str(caught.value)


def test_a_missing_group_says_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(LIVE)
    with pytest.raises(ConfigurationError, match=r"no group named backfill_1w .* live;"):
        load_groups(tmp_path, required=["live", "backfill_1w"])


def test_one_name_in_two_files_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(LIVE)
    (tmp_path / "b.yaml").write_text(LIVE)
    with pytest.raises(RuleError, match=r"b\.yaml:5: group 'live'.*a\.yaml"):
        load_groups(tmp_path)


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(LIVE.encode() + b"# \xff\n")
    with pytest.raises(RuleError, match=r"a\.yaml:6: not UTF-8"):
        load_groups(tmp_path)


def test_missing_routing_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"routing\.yaml is missing.*`geo: \[\]`"):
        load_routing(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("geo: a\n", "wanted a list"),
        ("gauges: []\n", "unknown field 'gauges'"),
        ("geo: [[a]]\n", "a list, wanted a text"),
        ("geo: [a]\ncumulative: [A]\n", "in both lists"),
    ],
)
def test_bad_routing_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "routing.yaml").write_text(text)
    with pytest.raises(RuleError) as caught:
        load_routing(tmp_path)
    assert f"{tmp_path / 'routing.yaml'}:1: " in str(caught.value)
    assert reason in str(caught.value)


def test_drift_is_printed_as_a_diff_and_rendering_repairs_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = folder / "live.yaml"
    text = live.read_text()
    live.write_text(text.replace("count(up{", "sum(up{"))
    assert rulesets.main(["check", "--rules-dir", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "--- live.yaml" in said
    assert "-        expr: 'sum(up{" in said
    assert "+        expr: 'count(up{" in said
    assert rulesets.RENDER_COMMAND in said
    assert rulesets.main(["render", "--rules-dir", str(folder)]) == 0
    assert live.read_text() == text
    assert rulesets.render_files(folder) == []


def test_a_missing_and_a_left_over_file_are_drift(folder: Path) -> None:
    header = (folder / "live.yaml").read_text()
    (folder / "live.yaml").unlink()
    (folder / "old.yaml").write_text(header.replace("name: live", "name: old"))
    assert "+++ live.yaml as metrics.yaml says" in rulesets.drift(folder)
    assert "--- old.yaml" in rulesets.drift(folder)


def test_cumulative_in_one_list_only_fails_the_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    routing = folder / "routing.yaml"
    routing.write_text(routing.read_text().replace("- system_tcp_sent", "- node_count"))
    assert rulesets.main(["check", "--rules-dir", str(folder)]) == 1
    assert "node_count, system_tcp_sent" in capsys.readouterr().out


def test_without_the_programs_the_check_says_what_it_skipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert rulesets.main(["check", "--rules-dir", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "skipped: promtool is not on the PATH" in said
    assert "skipped: vmalert is not on the PATH" in said


def test_a_users_folder_without_definitions_is_checked_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(LIVE)
    assert rulesets.main(["check", "--rules-dir", str(tmp_path)]) == 0
    assert "skipped: drift" in capsys.readouterr().out
    assert rulesets.main(["render", "--rules-dir", str(tmp_path)]) == 1
    assert "metrics.yaml is missing" in capsys.readouterr().err


def test_definitions_that_render_to_bad_rules_are_refused(folder: Path) -> None:
    metrics = folder / "metrics.yaml"
    metrics.write_text(metrics.read_text().replace("across: count", "across: foo"))
    with pytest.raises(RuleError, match=r"metrics\.yaml as live\.yaml:\d+: .*'node_count'.*foo"):
        rulesets.render_files(folder)
