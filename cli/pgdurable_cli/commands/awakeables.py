"""`pgdurable awakeables resolve|reject`: the answer that an invocation waits for from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass

import click
import msgspec

from pgdurable_cli.errors import Failure
from pgdurable_cli.groups import AliasedGroup
from pgdurable_cli.options import dsn_option
from pgdurable_cli.output import say

__all__ = ["awakeables"]


@dataclass(frozen=True, slots=True)
class Answer:
    answer: str


@click.group(cls=AliasedGroup)
def awakeables() -> None:
    """Complete awakeables: what an invocation waits for from outside."""


@click.command("resolve")
@click.argument("id")
@click.argument("value", required=False)
@click.option("--raw", is_flag=True, help="VALUE is bytes to be handed over as they are, not JSON.")
@dsn_option
def resolve(id: str, value: str | None, raw: bool, dsn: str | None) -> None:
    """Resolve the awakeable ID with VALUE, which is JSON."""
    complete("resolve_awakeable", dsn, id, payload(value, raw=raw))
    say(f"{id}: resolved")


@click.command("reject")
@click.argument("id")
@click.argument("message", default="rejected")
@click.option("--code", default=500, show_default=True, help="Of the error that the handler sees.")
@dsn_option
def reject(id: str, message: str, code: int, dsn: str | None) -> None:
    """Reject the awakeable ID: its handler sees a terminal error with MESSAGE."""
    complete("reject_awakeable", dsn, id, message, code)
    say(f"{id}: rejected")


awakeables.add(resolve)
awakeables.add(reject)


def payload(value: str | None, *, raw: bool) -> bytes:
    """Raises a usage error for what is no JSON, which is nearly always a forgotten pair of quotes."""
    if value is None or raw:
        return (value or "").encode(errors="surrogateescape")
    try:
        msgspec.json.decode(value)
    except RecursionError:
        raise click.BadParameter("VALUE is nested more deeply than handlers can read") from None
    except ValueError:
        quoted = json.dumps(value, ensure_ascii=False)
        raise click.BadParameter(
            f"{value!r} is not JSON; a text is written '{quoted}', and --raw takes anything"
        ) from None
    return value.encode()


def complete(name: str, dsn: str | None, id: str, *arguments: object) -> None:
    from pgdurable_cli.database import Query, connected

    with connected(dsn) as database:
        answer = database.one(Query(name, Answer), id, *arguments)
    match answer:
        case Answer("accepted" | "done"):
            return
        case Answer("completed"):
            raise Failure(f"{id}: its invocation has already completed")
        case Answer("not_found"):
            raise Failure(f"{id}: its invocation does not exist")
        case _:
            raise Failure(f"{id}: {answer.answer if answer else 'no answer'}")
