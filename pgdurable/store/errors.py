"""What can go wrong between the engine and PostgreSQL.

    StoreError
     +-- Unavailable           no connection; nothing was done
     +-- OutcomeUnknown        the connection broke under a call: done or not done, nobody can say
     +-- TryAgain              rolled back by PostgreSQL for a passing reason: the same call may succeed
     |    +-- SchemaMoved      what the call speaks of is not there: a migration went by
     +-- Outdated              this release cannot work with the schema: its process has to be replaced
     +-- WorkerFenced          PD001, this worker was declared dead
     +-- ServiceTypeChanged    PD002
     +-- BadInvocationId       PD003
     +-- BadDeployment         PD004
     +-- PoolerUnfit           PD005, behind this pooler, or with its settings, the engine cannot work
     +-- Refused               any other error PostgreSQL reports: a fault of ours or of its set-up
          +-- Unstorable       PD006, what the caller gave cannot be stored

One code per condition, nothing is told by the text of a message. ``sql/README.md`` has the table of codes.
"""

from __future__ import annotations

from typing import Final


class StoreError(Exception):
    """Base of all errors of the store."""


class Unavailable(StoreError):
    """PostgreSQL cannot be reached, or is starting or stopping. Nothing was done."""


class OutcomeUnknown(StoreError):
    """The connection broke while a call was under way: it may or may not have been committed."""


class TryAgain(StoreError):
    """PostgreSQL rolled the call back for a passing reason."""


class SchemaMoved(TryAgain):
    """Functions, types or tables are not what they were when the call was prepared. Nothing was done, and on
    another connection it may succeed; if this release still fits the schema.
    """


class Outdated(StoreError):
    """This release cannot work with the schema of the database. Nothing was done."""


class WorkerFenced(StoreError):
    """This incarnation of the worker was declared dead; what it ran is running elsewhere."""


class ServiceTypeChanged(StoreError):
    """A service was registered before with another type."""


class BadInvocationId(StoreError):
    """The text is not the id of an invocation."""


class BadDeployment(StoreError):
    """There is no such deployment, or an invocation cannot go on with it."""


class PoolerUnfit(StoreError):
    """What stands between here and PostgreSQL is in the engine's way. Nothing was done."""


class Refused(StoreError):
    """PostgreSQL refused the call."""


class Unstorable(Refused):
    """What the caller gave cannot be stored: no text, or too long. Nothing was done."""


BY_SQLSTATE: Final[dict[str, type[StoreError]]] = {
    "PD001": WorkerFenced,
    "PD002": ServiceTypeChanged,
    "PD003": BadInvocationId,
    "PD004": BadDeployment,
    "PD005": PoolerUnfit,
    "PD006": Unstorable,
    "22000": Unstorable,  # data_exception, which the driver has: a value that is not of its type
    "22021": Unstorable,  # character_not_in_repertoire: a NUL
    "54000": Unstorable,  # program_limit_exceeded: a row of an index would be too large
    "40001": TryAgain,  # serialization_failure
    "40P01": TryAgain,  # deadlock_detected
    "55P03": TryAgain,  # lock_not_available
    "57014": TryAgain,  # query_canceled
    "0A000": SchemaMoved,  # cached plan must not change result type
    "42883": SchemaMoved,  # undefined_function
    "42725": SchemaMoved,  # ambiguous_function
    "42P01": SchemaMoved,  # undefined_table
    "42703": SchemaMoved,  # undefined_column
    "42704": SchemaMoved,  # undefined_object, of a type
    "42804": SchemaMoved,  # datatype_mismatch, also: a row of more or fewer columns
    "XX000": SchemaMoved,  # internal_error: cache lookup failed, for what was dropped a moment ago
    "53100": TryAgain,  # disk_full
    "53200": TryAgain,  # out_of_memory
}

# The server says these and then closes the connection; the call itself was rolled back.
CLOSING: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})


def translate(error: Exception) -> StoreError:
    """The error of ours for one of a driver's, whichever it is, that was raised by a call."""
    code = str(getattr(error, "sqlstate", None) or "")
    if code:
        message = f"{error} (SQLSTATE {code})"
        if code in CLOSING or code.startswith("08"):
            return OutcomeUnknown(message)
        return BY_SQLSTATE.get(code, Refused)(message)
    return OutcomeUnknown(f"the connection to PostgreSQL was lost: {error}")
