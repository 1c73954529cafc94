"""Who runs the database server, and where that user can reach its files."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import tempfile
from pathlib import Path

from promtsdb_dagster.errors import StackError


def server_user(folder: Path) -> str | None:
    """Return the user that runs the server of `folder`: None for oneself, never root.

    Raises StackError when the cluster belongs to somebody else.
    """
    owner = folder.stat().st_uid if folder.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise StackError(
                f"the cluster in {folder} belongs to user {owner}, not to you ({os.geteuid()}); "
                "work as that user or as root, or set PROMTSDB_STATE_DIR to a folder of your own"
            )
        return None
    if owner:
        return pwd.getpwuid(owner).pw_name
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise StackError(
        "PostgreSQL refuses to run as root and neither user `postgres` nor `nobody` exists; "
        "`useradd --system postgres`, or work as a normal user"
    )


def place(folder: Path, user: str | None) -> None:
    """Make `folder`, as a link into the temporary folder where `user` could not reach it."""
    if folder.is_symlink() and not folder.exists():
        folder.unlink()
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    if user is None:
        folder.mkdir(mode=0o700)
        return
    entry = pwd.getpwnam(user)
    home = folder
    if _reachable(folder.parent.resolve(), entry):
        folder.mkdir(mode=0o700)
    else:
        home = Path(tempfile.mkdtemp(prefix="promtsdb-postgres-"))
    os.chown(home, entry.pw_uid, entry.pw_gid)
    if home != folder:
        folder.symlink_to(home)


def _reachable(folder: Path, entry: pwd.struct_passwd) -> bool:
    for each in (folder, *folder.parents):
        status = each.stat()
        if status.st_uid == entry.pw_uid:
            bit = stat.S_IXUSR
        elif status.st_gid == entry.pw_gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True


def write_secret(path: Path, text: str, user: str | None) -> None:
    """Write a file that only `user` (None: oneself) can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
