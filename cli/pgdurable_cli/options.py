"""Options that many commands have, each described once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DSN_VARIABLE",
    "dsn_option",
    "json_option",
    "listen_option",
    "required_dsn",
    "scope_option",
    "yes_option",
]

DSN_VARIABLE = "PGDURABLE_DSN"
LISTEN_VARIABLE = "PGDURABLE_LISTEN_DSN"

Command = TypeVar("Command", bound="Callable[..., Any]")


def dsn_option(command: Command) -> Command:
    return click.option(
        "--dsn",
        envvar=DSN_VARIABLE,
        metavar="DSN",
        help="PostgreSQL to use [default: the one of `pgdurable dev`; env: PGDURABLE_DSN]",
    )(command)


def required_dsn(command: Command) -> Command:
    return click.option(
        "--dsn",
        envvar=DSN_VARIABLE,
        metavar="DSN",
        required=True,
        help="PostgreSQL to use [env: PGDURABLE_DSN]",
    )(command)


def listen_option(command: Command) -> Command:
    return click.option(
        "--listen-dsn",
        envvar=LISTEN_VARIABLE,
        metavar="DSN",
        help="Leads to PostgreSQL itself, where --dsn leads to a pooler in transaction mode: to hear what "
        "others do [default: it polls; env: PGDURABLE_LISTEN_DSN]",
    )(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def scope_option(command: Command) -> Command:
    return click.option("--scope", metavar="NAME", help="Only in this scope.")(command)


def yes_option(command: Command) -> Command:
    return click.option(
        "-y", "--yes", is_flag=True, envvar="CI", help="Do not ask first [implied where CI is set]."
    )(command)
