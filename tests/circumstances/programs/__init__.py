"""The programs, by concept."""

from tests.circumstances.programs import (
    arguments,
    awakeables,
    calls,
    cancelling,
    combinators,
    killing,
    recovery,
    scopes,
    sends,
    signals,
    situations,
    state,
    steps,
    sync,
    workflows,
)

ALL = [
    steps,
    state,
    awakeables,
    signals,
    calls,
    sends,
    workflows,
    combinators,
    sync,
    cancelling,
    killing,
    situations,
    arguments,
    scopes,
    recovery,
]
