"""Our own rules for the Compose files; `scripts/lint-compose` asks a real Compose beside them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from promtsdb_dagster.settings import ROOT, Settings
from tests.compose import MAIN, OVERLAY, VARIABLE, environment, services, variables, words

FILES = (MAIN, OVERLAY)
DOCKER = ROOT / "docker"
# Services that end by themselves; what needs them waits for that.
STEPS = {"migrate", "roles"}
# Who may reach the world: to ask Prometheus, or because a published port needs it.
OUTSIDE = {
    "outside": {"vmalert"},
    "public": {"caddy"},
    "dagster-outside": {"dagster-code", "dagster-webserver"},
}
# Who needs no password of those who ask, and who of the others may be near.
OPEN = {"dagster-code", "dagster-webserver", "dagster-daemon"}
NEAR_DAGSTER = {"timescaledb", "docker-proxy"}
# Whom dagster-code asks how they are, by the network in which it does.
WATCHED = {"live": {"telegraf", "vmalert"}, "api": {"postgrest", "caddy"}}


def every() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the services of both files by name."""
    for path in FILES:
        yield from services(path).items()


def whole() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each service where it is written first: the overlay only adds to some."""
    yield from services(MAIN).items()
    yield from ((n, s) for n, s in services(OVERLAY).items() if n not in services(MAIN))


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Return source and target of each volume."""
    found = []
    for volume in service.get("volumes", []):
        source, target = re.split(r":(?=/)", VARIABLE.sub("/variable", volume))[:2]
        found.append((source, target.removesuffix(":ro")))
    return found


def test_every_image_is_pinned_by_its_version() -> None:
    for name, service in whole():
        image = service["image"]
        assert re.fullmatch(r"[a-z0-9/.-]+:v?\d+(\.\d+)+(-[a-z0-9]+)*", image), (name, image)


def test_images_of_our_own_carry_our_version() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version
    for name, service in whole():
        ours = service["image"].startswith("promtsdb/")
        assert ours == ("build" in service), name
        if ours:
            assert service["image"].endswith(f":{version[1]}")
            assert (DOCKER / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]).exists()


def test_every_service_that_stays_is_asked_whether_it_is_well() -> None:
    for name, service in whole():
        if name in STEPS:
            assert service["restart"].startswith("on-failure:")
            assert "healthcheck" not in service
        else:
            assert service["restart"] == "unless-stopped"
            assert words(service, "healthcheck")
            assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


def test_every_dependency_has_a_condition_that_can_come_true() -> None:
    for name, service in every():
        for needed, how in (service.get("depends_on") or {}).items():
            steps = needed in STEPS
            wanted = "service_completed_successfully" if steps else "service_healthy"
            assert how == {"condition": wanted}, (name, needed)
            assert needed in {**services(MAIN), **services(OVERLAY)}


def test_services_start_in_the_order_of_a_sample() -> None:
    """Nothing writes before the schema and the roles are there; the door opens last."""
    found = services()

    def before(name: str) -> set[str]:
        direct = set(found[name].get("depends_on") or {})
        return direct.union(*map(before, direct)) if direct else set()

    schema = {"timescaledb", "migrate", "roles"}
    for name in set(found) - schema:
        assert schema <= before(name), name
    assert "telegraf" in before("vmalert")
    assert "postgrest" in before("caddy")
    assert "dagster-code" in before("dagster-webserver") & before("dagster-daemon")


def test_containers_are_confined() -> None:
    for name, service in whole():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True, name
        assert service["mem_limit"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_no_container_has_more_than_a_container_has() -> None:
    more = {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices", "userns_mode"}
    for name, service in every():
        assert not more & set(service), name
        sockets = [source for source, _ in mounts(service) if source.endswith(".sock")]
        assert not sockets or name == "docker-proxy"


def test_no_container_runs_as_root() -> None:
    for name, service in whole():
        user = str(service["user"]).split(":")[0]
        assert user not in ("", "0", "root"), name


def test_no_secret_is_an_argument() -> None:
    """Everybody on the host can read those of every process, in containers too."""
    for name, service in every():
        for key in ("command", "entrypoint"):
            line = " ".join(words(service, key))
            assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", line), name
        if "healthcheck" in service:
            # What a shell expands for its own variables is no argument of anybody.
            line = re.sub(r"\bPGPASSWORD=\$\$\w+", "", " ".join(words(service, "healthcheck")))
            assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", line), name


def test_only_the_api_is_public() -> None:
    for name, service in every():
        for port in service.get("ports", []):
            assert name == "caddy" or port.startswith("127.0.0.1:"), port


def declared() -> dict[str, dict[str, Any]]:
    """Return the networks of both files."""
    found: dict[str, dict[str, Any]] = {}
    for path in FILES:
        found |= yaml.safe_load(path.read_text("utf-8"))["networks"]
    return found


def members() -> dict[str, set[str]]:
    """Return who is in each network, with the overlay, which only adds to Compose's own."""
    found: dict[str, set[str]] = {network: set() for network in declared()}
    for name, service in every():
        for network in service.get("networks", []):
            found[network].add(name)
    return found


def test_only_who_needs_it_reaches_the_world() -> None:
    ways_out = {name for name, each in declared().items() if not each.get("internal")}
    found = members()
    assert {name: found[name] for name in ways_out} == OUTSIDE
    for name, service in services().items():
        assert service["networks"], name
    # The public door reaches PostgREST and no database.
    assert set(services()["caddy"]["networks"]) == {"api", "public"}


def test_nobody_is_near_the_parts_of_dagster_that_ask_for_no_password() -> None:
    """Whoever takes over a public service must not find the UI or the code server beside it."""
    for network, names in members().items():
        if network in WATCHED:
            assert names == WATCHED[network] | {"dagster-code"}
            assert declared()[network]["internal"] is True
        elif names & OPEN:
            assert names <= OPEN | NEAR_DAGSTER, network


def test_the_code_server_listens_in_the_network_of_dagster_only() -> None:
    """It is in the networks of those whom it watches, too, and there it must have no port."""
    code = services()["dagster-code"]
    host = environment(code)["DAGSTER_CODE_HOST"]
    # Not the service's name, which every network of the service knows.
    assert {network: each["aliases"] for network, each in code["networks"].items() if each} == {
        "dagster": [host]
    }
    assert host not in services()
    for part in (words(code, "command"), words(code, "healthcheck")):
        assert '-h "$$DAGSTER_CODE_HOST"' in part[-1]
    for name in ("dagster-webserver", "dagster-daemon"):
        assert environment(services()[name])["DAGSTER_CODE_HOST"] == host
        assert "dagster" in services()[name]["networks"]


def test_replays_are_where_vmalert_is() -> None:
    told = environment(services(OVERLAY)["dagster-daemon"])["REPLAY_NETWORKS"]
    assert told == ",".join(declared()[name]["name"] for name in services()["vmalert"]["networks"])
    assert f"#REPLAY_NETWORKS={told}" in (ROOT / ".env.example").read_text(encoding="utf-8")


def test_the_code_location_gets_what_its_commands_need() -> None:
    """As the README says: tokens that PostgREST takes, and everything that one may change."""
    code, postgrest = (environment(services()[name]) for name in ("dagster-code", "postgrest"))
    assert code["JWT_SECRET"] == postgrest["JWT_SECRET"]
    # A file of the host, what Dagster's own launcher or only the local stack reads, and what the
    # image has a fixed answer to.
    elsewhere = {"REPLAY_IMAGE", "REPLAY_NETWORKS", "VMALERT_PROGRAM", "PROMTSDB_STATE_DIR"}
    elsewhere |= {"DAGSTER_HOME", "PG_BINDIR", "RULES_DIR", "SQL_DIR"}
    assert {name.upper() for name in Settings.model_fields} - elsewhere <= set(code)


def test_the_description_of_the_api_names_its_public_address() -> None:
    told = environment(services()["postgrest"])["PGRST_OPENAPI_SERVER_PROXY_URI"]
    assert told == "${API_PUBLIC_URL:-http://localhost:3000}"


def test_secrets_come_from_the_environment() -> None:
    for name, service in every():
        for key, value in environment(service).items():
            if value and re.search(r"PASSWORD|SECRET|TOKEN|_password|bearerToken", key):
                assert re.fullmatch(r"\$\{\w+(:\?[^}]+|:-)?\}", value), (name, key)
        for url in re.findall(r"://[^\s\"']*@", yaml.safe_dump(service)):
            # Or a user alone, whose password comes as PGPASSWORD.
            assert re.fullmatch(r"://[a-z]+(:\$\{[A-Z_]+\})?@", url), url


def test_no_service_logs_in_as_a_superuser() -> None:
    for name, service in every():
        assert not re.search(r"://postgres[:@]", yaml.safe_dump(service))
        assert environment(service).get("PGUSER") in (None, "promtsdb")
        assert not re.search(r"-U\s*postgres|--username[= ]postgres", yaml.safe_dump(service))
        assert "POSTGRES_PASSWORD" not in yaml.safe_dump(service) or name == "timescaledb"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_variable_is_documented(path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    documented = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert variables(path) <= documented


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_required_variable_says_its_name(path: Path) -> None:
    required = [m for m in VARIABLE.finditer(path.read_text("utf-8")) if m["op"] == ":?"]
    assert required
    for match in required:
        assert re.fullmatch(
            rf"{match['name']} is not set, wanted .+; see \.env\.example", match["rest"]
        )


def test_a_variable_used_without_an_operator_is_required_elsewhere() -> None:
    """Or a start without it would go on with nothing in its place."""
    required = variables(MAIN, ":?")
    for path in FILES:
        bare = {
            m["name"]
            for m in VARIABLE.finditer(path.read_text(encoding="utf-8"))
            if m["name"] and m["op"] is None
        }
        assert bare <= required


def test_every_mounted_file_exists_and_is_the_only_one() -> None:
    """The local stack has no other to use."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    for name, service in every():
        for source, _ in mounts(service):
            if not source.startswith("."):
                continue
            file = (DOCKER / source).resolve()
            assert file.exists(), (name, source)
            if file.is_file() and tracked:
                assert [t for t in tracked if Path(t).name == file.name] == [
                    str(file.relative_to(ROOT))
                ]


def test_named_volumes_and_networks_are_declared() -> None:
    main: dict[str, Any] = yaml.safe_load(MAIN.read_text(encoding="utf-8"))
    for name, service in every():
        for source, _ in mounts(service):
            assert source.startswith((".", "/")) or source in main["volumes"], (name, source)
        assert set(service.get("networks", [])) <= set(declared()), name


@pytest.mark.parametrize(
    ("service", "package"),
    [
        ("telegraf", "github.com/influxdata/telegraf"),
        ("vmalert", "github.com/VictoriaMetrics/VictoriaMetrics"),
        ("migrate", "github.com/golang-migrate/migrate/v4"),
    ],
)
def test_images_are_the_versions_that_make_tools_builds(service: str, package: str) -> None:
    text = (ROOT / "tools" / service / "go.mod").read_text(encoding="utf-8")
    pinned = re.search(rf"^(?:require )?\s*{re.escape(package)} v(\S+)", text, re.MULTILINE)
    assert pinned
    tag = services()[service]["image"].split(":")[1]
    assert re.match(r"v?([\d.]+)", tag)[1] == pinned[1]  # type: ignore[index]


def test_the_stack_and_the_replays_use_one_vmalert() -> None:
    replay = environment(services(OVERLAY)["dagster-daemon"])["REPLAY_IMAGE"]
    assert replay == services()["vmalert"]["image"]
    assert replay
    assert f"#REPLAY_IMAGE={replay}" in (ROOT / ".env.example").read_text(encoding="utf-8")


def test_health_checks_ask_more_than_whether_a_process_is_there() -> None:
    wanted = {
        "timescaledb": "-U promtsdb -d metrics",
        "telegraf": ":9274/metrics",
        "vmalert": "/api/v1/rules",
        "postgrest": "--ready",
        "caddy": "/rpc/",
        "dagster-daemon": "liveness-check",
    }
    for name, question in wanted.items():
        assert question in " ".join(words(services()[name], "healthcheck")), name
