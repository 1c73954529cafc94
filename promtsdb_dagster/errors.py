"""Every error that this project raises on purpose.

PromtsdbError
├── ConfigurationError      a setting, a file or a program that is missing or wrong
├── InputError              what was asked for makes no sense: dates, ranges, names
├── RuleError               a rule file; names file, line, group and rule
├── SourceError             Prometheus
│   ├── SourceUnavailable   no answer, 429 or 5xx, after all retries
│   ├── SourceRejected      4xx: wrong URL, credentials or query
│   ├── SourceIncomplete    an answer that is not whole: warnings, truncation, not JSON
│   ├── SourceTooLarge      an answer beyond the size limit; ask for a shorter window
│   └── ClockSkew           the source's clock and ours differ by too much
├── MigrationError
│   ├── ChangedMigration    a file differs from what was applied
│   ├── DirtyLedger         a migration stopped half-way
│   └── UnknownVersion      the database is newer than the code
├── StoreError              the database
│   ├── StoreUnavailable    unreachable, restarting, out of disk; safe to run again
│   ├── VerificationFailed  what is stored differs from what the source returned
│   └── LossRefused         a replacement would leave instants without rows
├── NotifierError           people could not be told of a failure
└── StackError              the local stack

A message says what was wrong, the value, what was wanted, and what to do next. The page
docs/reference/errors.md is made of what is written here.
"""

from __future__ import annotations

import errno

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_FOLDER = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


class PromtsdbError(Exception):
    """Base of all errors of this project."""


class ConfigurationError(PromtsdbError):
    """A setting, a file or a program is missing or wrong.

    What to do: set or mend what the message names, then the same again; nothing was begun.
    """


class InputError(PromtsdbError):
    """The request makes no sense, whatever the state of the world.

    What to do: ask again as the message says; nothing was begun.
    """


class RuleError(PromtsdbError):
    """A rule file, or what a rule returns, is not usable.

    What to do: mend the rule at the line that the message names; `make check` reads all of them.
    """


class SourceError(PromtsdbError):
    """Prometheus did not give a usable answer.

    What to do: look at the more exact errors below; nothing of a bad answer is ever stored.
    """


class SourceUnavailable(SourceError):
    """No answer, 429 or 5xx, after all retries.

    What to do: let the source answer, then run the same again; what is done is not fetched twice.
    """


class SourceRejected(SourceError):
    """The source refused the request: wrong URL, credentials or query.

    What to do: correct DATASOURCE_URL, its credentials, or the rule that the message names.
    """


class SourceIncomplete(SourceError):
    """The answer is not whole, so nothing of it may be stored.

    What to do: mend the source, the proxy before it, or the rule, then run the same again.
    """


class SourceTooLarge(SourceError):
    """The answer is beyond the size limit; a shorter window may fit.

    What to do: nothing as a rule: shorter windows follow. Else let the rule return fewer series.
    """


class ClockSkew(SourceError):
    """The source's clock and ours differ by more than the settling time allows.

    What to do: set both clocks by NTP, then run the same again.
    """


class MigrationError(PromtsdbError):
    """The schema cannot be brought to the wanted version.

    What to do: do what the message says, then `make migrate`; what was applied stays.
    """


class ChangedMigration(MigrationError):
    """An applied migration file is not what it was when it was applied.

    What to do: bring the file back; a change of the schema is a new migration.
    """


class DirtyLedger(MigrationError):
    """A migration stopped half-way and somebody must look.

    What to do: look what of it is there, then tell golang-migrate's ledger which version holds.
    """


class UnknownVersion(MigrationError):
    """The database holds a version that these files do not have.

    What to do: run the code that made it, or newer code; nothing was written.
    """


class StoreError(PromtsdbError):
    """The database did not take or give the data.

    What to do: look at the database's log, then run the same again.
    """


class StoreUnavailable(StoreError):
    """The database is unreachable, restarting or full; nothing was committed.

    What to do: let the server answer or make room, then run the same again; nothing is doubled.
    """


class VerificationFailed(StoreError):
    """The stored rows differ from what the source returned.

    What to do: look for another writer, then run the same again; nothing of the window was kept.
    """


class LossRefused(StoreError):
    """The source has less than is stored, so nothing was replaced.

    What to do: take a later beginning, or accept the loss by `accept_loss` (`--accept-loss`).
    """


class NotifierError(PromtsdbError):
    """A message could not be delivered; it is kept and sent again.

    What to do: mend NOTIFY_WEBHOOK_URL, or what listens there; nothing is lost meanwhile.
    """


class StackError(PromtsdbError):
    """A service of the local stack did not start, answer or stop.

    What to do: do what the message says; the log that it names has more.
    """


def disk_problem(error: OSError) -> str | None:
    """Return what to do about a disk that is full or may not be written; None for all else."""
    where = f"{error.filename or 'the disk'}: {error.strerror}"
    if error.errno in _NO_ROOM:
        return (
            f"{where}; wanted room for the state folder: 2 GB for the bundled stack; free some, or "
            "set PROMTSDB_STATE_DIR to a folder with more; the same command does the rest"
        )
    if error.errno in _NO_FOLDER and error.filename:
        return (
            f"{where}; wanted a folder that you may write to; work as its owner, or set "
            "PROMTSDB_STATE_DIR to a folder of your own"
        )
    return None
