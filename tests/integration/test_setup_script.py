"""`scripts/setup` with make-believe programs: what it asks for, and that it repeats nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from promtsdb_dagster.settings import ROOT

TOOLS = ("sh", "dirname", "basename", "tr", "cat", "cksum", "mkdir", "rm", "env")
PYTHON = """#!/bin/sh
case "$*" in
  *--version*) echo "Python 3.12.1" ;;
  *"pip install"*) echo "$*" >>"$0.installed" ;;
esac
"""


class Checkout:
    """A folder with the script, its inputs and a PATH of its own."""

    def __init__(self, folder: Path) -> None:
        """Copy what the script reads; the user is never root and there is no apt-get."""
        self.folder = folder / "checkout"
        self.programs = folder / "programs"
        (self.folder / "scripts").mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy(ROOT / "scripts/setup", self.folder / "scripts/setup")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder / name)
        for name in TOOLS:
            found = shutil.which(name)
            assert found
            (self.programs / name).symlink_to(found)
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.program("python3", PYTHON)
        self.program("pg_config", "#!/bin/sh\nexit 1\n")

    def program(self, name: str, text: str = "#!/bin/sh\n") -> None:
        """Put a make-believe program on the PATH."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def virtual_environment(self) -> Path:
        """Make one whose pip writes down what it is asked for; return that file."""
        folder = self.folder / ".venv/bin"
        folder.mkdir(parents=True)
        (folder / "python").write_text(PYTHON)
        (folder / "python").chmod(0o755)
        return folder / "python.installed"

    def setup(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [str(self.folder / "scripts/setup"), *options],
            env={"PATH": str(self.programs), **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh clone on a machine with next to nothing."""
    return Checkout(tmp_path)


def test_who_is_not_root_is_told_the_command(checkout: Checkout) -> None:
    """Everything missing at once, in one line to copy; nothing was made."""
    checkout.program("apt-get", "#!/bin/sh\necho must not run; exit 9\n")
    answer = checkout.setup("--tests", PG_BINDIR="/nonexistent")
    assert answer.returncode == 1
    assert "sudo apt-get install -y --no-install-recommends" in answer.stderr
    assert "prometheus" in answer.stderr
    assert "nodejs npm curl" in answer.stderr
    assert "must not run" not in answer.stdout + answer.stderr
    assert not (checkout.folder / ".venv").exists()


def test_an_old_python_is_named(checkout: Checkout) -> None:
    """Python 3.9 is as good as none."""
    old = '#!/bin/sh\ncase "$*" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac\n'
    checkout.program("python3", old)
    answer = checkout.setup("--python")
    assert answer.returncode == 1
    assert "missing, by their Debian names: python3 python3-venv" in answer.stderr
    assert "Python >= 3.10 is needed, this is Python 3.9.2" in answer.stderr
    assert "PYTHON=/path/to/" in answer.stderr
    assert "servers of your own" not in answer.stderr


def test_who_has_servers_is_told_that_they_are_enough(checkout: Checkout) -> None:
    """The bundled stack is one way; nobody must install a database beside his own."""
    answer = checkout.setup(PG_BINDIR="/nonexistent")
    assert answer.returncode == 1
    assert "DATABASE_URL and DATASOURCE_URL, only Python is needed" in answer.stderr


def test_packages_are_installed_once_and_after_changes(checkout: Checkout) -> None:
    """The second run does nothing; a changed pyproject.toml or constraints.txt does."""
    installed = checkout.virtual_environment()
    for _ in range(2):
        answer = checkout.setup("--python")
        assert (answer.returncode, answer.stdout) == (0, "")
    assert len(installed.read_text().splitlines()) == 1
    assert "-c constraints.txt -e .[stack]" in installed.read_text()
    for number, name in enumerate(("pyproject.toml", "constraints.txt"), start=2):
        with (checkout.folder / name).open("a") as file:
            file.write("# changed\n")
        assert checkout.setup("--python").returncode == 0
        assert len(installed.read_text().splitlines()) == number


def test_a_failed_installation_is_tried_again(checkout: Checkout) -> None:
    """No stamp is left behind."""
    installed = checkout.virtual_environment()
    working = (checkout.folder / ".venv/bin/python").read_text()
    (checkout.folder / ".venv/bin/python").write_text(
        '#!/bin/sh\ncase "$*" in *"pip install"*) echo no network >&2; exit 1 ;; esac\n'
    )
    answer = checkout.setup("--python")
    assert answer.returncode == 1
    assert "no network" in answer.stderr
    assert "pip could not install the packages" in answer.stderr
    (checkout.folder / ".venv/bin/python").write_text(working)
    assert checkout.setup("--python").returncode == 0
    assert installed.exists()


def test_what_only_tests_need_comes_with_them_and_holds_the_rest(checkout: Checkout) -> None:
    """`make demo` waits for no linter; after `make test` it finds all that it needs."""
    installed = checkout.virtual_environment()
    for option, extras in (("--python", ["stack"]), ("--fuzz", ["stack", "dev"])):
        assert checkout.setup(option).returncode == 0
        lines = [line for line in installed.read_text().splitlines() if " -e " in line]
        assert [line.rpartition(".[")[2] for line in lines] == [f"{extra}]" for extra in extras]
    (checkout.folder / ".venv/.promtsdb-stack").unlink()
    before = installed.read_text()
    assert checkout.setup("--python").returncode == 0
    assert installed.read_text() == before


@pytest.mark.parametrize("names", [("DATABASE_URL", "DATASOURCE_URL"), ("DATABASE_URL",)])
def test_own_servers_need_no_services(names: tuple[str, ...], checkout: Checkout) -> None:
    """With a URL given, only Python is needed: the bundled stack is out of the question."""
    checkout.virtual_environment()
    answer = checkout.setup(**dict.fromkeys(names, "x"))
    assert answer.returncode == 0, answer.stderr


def test_a_checkout_that_cannot_be_written_is_told(checkout: Checkout) -> None:
    """Instead of a lock's words. A file in the folder's place hinders root too."""
    checkout.program("flock", "#!/bin/sh\necho must not run; exit 9\n")
    (checkout.folder / ".local").write_text("")
    answer = checkout.setup("--python")
    assert answer.returncode == 1
    assert f"{checkout.folder}/.local cannot be written by " in answer.stderr
    assert "clone it into a folder of yours" in answer.stderr


def test_an_unknown_option_is_an_error(checkout: Checkout) -> None:
    """It names the known ones."""
    answer = checkout.setup("--fast")
    assert answer.returncode == 2
    assert "unknown option --fast; known are --fuzz, --python, --tests" in answer.stderr
