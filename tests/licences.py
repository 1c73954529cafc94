"""What the project runs with, and under which licences, as a page.

`python -m tests.licences --write` brings docs/reference/licences.md in step.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from promtsdb_dagster.settings import ROOT

PAGE = ROOT / "docs" / "reference" / "licences.md"
PROJECT = "promtsdb-dagster"
# What a production installation has; `dev` and `bench` are not shipped.
EXTRAS = ("", "stack", "postgres")
# What packages call their licence, as SPDX has it. Only these are taken: each lets us ship and use
# the package with our Apache-2.0 code, unchanged and as a library.
KNOWN = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache Software License; BSD License": "Apache-2.0 AND BSD-3-Clause",
    "Apache Software License; MIT License": "Apache-2.0 OR MIT",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "BSD 3-Clause OR Apache-2.0": "BSD-3-Clause OR Apache-2.0",
    "DFSG approved; MIT License": "MIT",
}
# Packages that say it only in the text of the licence that they bring.
IN_ITS_TEXT = {"promql-parser": ("MIT", "The MIT License (MIT)")}
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT"),
    *("MIT-0", "MIT-CMU", "PSF-2.0", "PostgreSQL", "Unlicense", "Zlib"),
    # Weak copyleft: of the package itself, which we do not change.
    *("LGPL-3.0-only", "LGPL-3.0-or-later", "LGPL-2.1-or-later", "MPL-2.0"),
}
# Programs that run beside ours, by what pins them; nothing of them is in our package.
MODULES = {
    "caddy": ("github.com/caddyserver/caddy/v2", "Apache-2.0"),
    "caddy with": ("github.com/mholt/caddy-ratelimit", "Apache-2.0"),
    "migrate": ("github.com/golang-migrate/migrate/v4", "MIT"),
    "telegraf": ("github.com/influxdata/telegraf", "MIT"),
    "vmalert": ("github.com/VictoriaMetrics/VictoriaMetrics", "Apache-2.0"),
}
IMAGES = {
    "alpine": "MIT, GPL-2.0-only and others, by package",
    "golang": "BSD-3-Clause; builds only",
    "migrate/migrate": "MIT",
    "postgrest/postgrest": "MIT",
    "python": "PSF-2.0",
    "telegraf": "MIT",
    "timescale/timescaledb": "PostgreSQL; TimescaleDB: Apache-2.0 and Timescale License (TSL)",
    "victoriametrics/vmalert": "Apache-2.0",
    "wollomatic/socket-proxy": "MIT",
}


def closure() -> dict[str, str]:
    """Return each package of a production installation, and through which others it comes."""
    found: dict[str, set[str]] = {}
    waiting = [(PROJECT, extra) for extra in EXTRAS]
    seen = set()
    while waiting:
        name, extra = each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        for text in metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(wanted.name)
                if needed != PROJECT:
                    found.setdefault(needed, set()).add(name)
                waiting += [(needed, e) for e in ("", *wanted.extras)]
    return {name: ", ".join(sorted(through)) for name, through in sorted(found.items())}


def licences(names: list[str]) -> dict[str, str]:
    """Return the licence of each package, as SPDX has it where we know it."""
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--packages"]
    told = subprocess.run([*command, *names], check=True, capture_output=True, text=True)
    found = {
        canonicalize_name(each["Name"]): KNOWN.get(each["License"], each["License"])
        for each in json.loads(told.stdout)
    }
    return found | {name: licence for name, (licence, _) in IN_ITS_TEXT.items()}


def unknown(licence: str) -> set[str]:
    """Return the parts of an expression that nobody has allowed."""
    return set(re.split(r" (?:AND|OR) |[()]", licence)) - ALLOWED - {""}


def go_modules() -> Iterator[tuple[str, str, str]]:
    """Return folder, module and version of each program of tools/."""
    for program, (module, _) in MODULES.items():
        folder = ROOT / "tools" / program.partition(" ")[0]
        (version,) = re.findall(
            rf"^(?:require )?\s*{re.escape(module)} (v\S+)", (folder / "go.mod").read_text(), re.M
        )
        yield folder.name, module, version


def images() -> set[str]:
    """Return the images of Compose and of our Dockerfiles, without their versions."""
    texts = [path.read_text() for path in (ROOT / "docker").rglob("Dockerfile")]
    found = {name for text in texts for name in re.findall(r"(?m)^FROM (\S+?):", text)}
    for path in (ROOT / "docker").glob("compose*.yaml"):
        services = yaml.safe_load(path.read_text())["services"].values()
        found |= {each["image"].rpartition(":")[0] for each in services if "image" in each}
    return {name for name in found if not name.startswith("promtsdb/")}


def page() -> str:
    """Return the page."""
    packages = closure()
    of = licences(list(packages))
    return "\n".join(
        [
            "# Licences",
            "",
            "Written by `python -m tests.licences --write`; `tests/unit/test_licences.py` compares",
            "with what is installed, refuses licences that nobody has allowed, and compares the",
            "names with `constraints.txt`, which pins versions. promtsdb itself is Apache-2.0.",
            "",
            "## Python packages of a production installation",
            "",
            "| package | licence | needed by |",
            "| --- | --- | --- |",
            *(f"| {name} | {of[name]} | {through} |" for name, through in packages.items()),
            "",
            "Python 3.10 needs async-timeout, exceptiongroup (MIT, PSF-2.0) and tomli (MIT) beside",
            "them. What only tests and benchmarks need is not listed: it is not shipped. One of",
            "these, pglast, is GPL-3.0-or-later.",
            "",
            "## Programs that `make tools` builds",
            "",
            "| program | module | version | licence |",
            "| --- | --- | --- | --- |",
            *(
                f"| {folder} | {module} | {version} | {licence} |"
                for (folder, module, version), (_, licence) in zip(
                    go_modules(), MODULES.values(), strict=True
                )
            ),
            "",
            "## Images",
            "",
            "| image | licence |",
            "| --- | --- |",
            *(f"| {name} | {IMAGES[name]} |" for name in sorted(images())),
            "",
            "The Timescale License (TSL) lets anybody run TimescaleDB, and not sell it as a",
            "database service. Compression, retention and continuous aggregates are under it;",
            "plain PostgreSQL does without.",
            "",
        ]
    )


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.licences --write")
    PAGE.write_text(page(), encoding="utf-8")
