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
└── StackError              the local stack

A message says what was wrong, the value, what was wanted, and what to do next.
"""

from __future__ import annotations


class PromtsdbError(Exception):
    """Base of all errors of this project."""


class ConfigurationError(PromtsdbError):
    """A setting, a file or a program is missing or wrong."""


class InputError(PromtsdbError):
    """The request makes no sense, whatever the state of the world."""


class RuleError(PromtsdbError):
    """A rule file, or what a rule returns, is not usable."""


class SourceError(PromtsdbError):
    """Prometheus did not give a usable answer."""


class SourceUnavailable(SourceError):
    """No answer, 429 or 5xx, after all retries."""


class SourceRejected(SourceError):
    """The source refused the request: wrong URL, credentials or query."""


class SourceIncomplete(SourceError):
    """The answer is not whole, so nothing of it may be stored."""


class SourceTooLarge(SourceError):
    """The answer is beyond the size limit; a shorter window may fit."""


class ClockSkew(SourceError):
    """The source's clock and ours differ by more than the settling time allows."""


class MigrationError(PromtsdbError):
    """The schema cannot be brought to the wanted version."""


class ChangedMigration(MigrationError):
    """An applied migration file is not what it was when it was applied."""


class DirtyLedger(MigrationError):
    """A migration stopped half-way and somebody must look."""


class UnknownVersion(MigrationError):
    """The database holds a version that these files do not have."""


class StoreError(PromtsdbError):
    """The database did not take or give the data."""


class StoreUnavailable(StoreError):
    """The database is unreachable, restarting or full; nothing was committed."""


class VerificationFailed(StoreError):
    """The stored rows differ from what the source returned."""


class LossRefused(StoreError):
    """The source has less than is stored, so nothing was replaced."""


class StackError(PromtsdbError):
    """A service of the local stack did not start, answer or stop."""
