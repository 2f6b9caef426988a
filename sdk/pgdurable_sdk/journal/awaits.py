"""What a handler can wait for: handles, each completed once, and trees of them.

The machine knows the trees, not only the leaves, because it is the machine that says when a handler may go
on, and in which order things completed. That order, not the order of arguments, decides races: it is the
order of feeding, which replay repeats.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Combinator(Enum):
    """Restate's, by its names."""

    FIRST_COMPLETED = 1
    ALL_COMPLETED = 2
    FIRST_SUCCEEDED_OR_ALL_FAILED = 3
    ALL_SUCCEEDED_OR_FIRST_FAILED = 4


class Handle:
    """One result that is here or will come."""

    __slots__ = ("index", "name", "order", "outcome", "value")

    def __init__(self, index: int = 0, name: str | None = None) -> None:
        self.index = index
        """Of the command; -n for the unnamed signal n; 0 while there is none, as for a named signal."""
        self.name = name
        """Of a named signal."""
        self.outcome: str | None = None
        self.value: bytes | None = None
        self.order = 0
        """When it was completed, counted from 2 within the attempt. 0: not yet."""

    def __repr__(self) -> str:
        return f"<Handle {self.name or self.index} {self.outcome or 'open'}>"


class Tree:
    """Several nodes waited for together."""

    __slots__ = ("combinator", "fails", "nodes")

    def __init__(self, combinator: Combinator, nodes: tuple[Node, ...], *, fails: bool | None = None) -> None:
        self.combinator = combinator
        self.nodes = nodes
        self.fails = fails
        """Whether it is a failure that this is settled. None: the combinator and the nodes say."""


Node = Handle | Tree


def settled(node: Node) -> int:
    """When this node completed, or 0."""
    if isinstance(node, Handle):
        return node.order
    match node.combinator:
        case Combinator.FIRST_COMPLETED:
            return _first(node.nodes)
        case Combinator.ALL_COMPLETED:
            return _last(node.nodes)
        case Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED:
            return _first(_having(node.nodes, failed=False)) or _last(node.nodes)
        case Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED:
            return _first(_having(node.nodes, failed=True)) or _last(node.nodes)


def failed(node: Node) -> bool:
    """Whether a settled node is a failure. Waiting for whatever comes is one if what came is; for all,
    never."""
    if isinstance(node, Handle):
        return node.outcome == "failure"
    if node.fails is not None:
        return node.fails
    match node.combinator:
        case Combinator.FIRST_COMPLETED:
            return failed(winner(node))
        case Combinator.ALL_COMPLETED:
            return False
        case Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED:
            return _first(_having(node.nodes, failed=False)) == 0
        case Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED:
            return _first(_having(node.nodes, failed=True)) != 0


def winner(tree: Tree) -> Node:
    """The child that completed first."""
    return min((node for node in tree.nodes if settled(node)), key=settled)


def leaves(node: Node) -> Iterator[Handle]:
    """All handles of this node."""
    if isinstance(node, Tree):
        for child in node.nodes:
            yield from leaves(child)
    else:
        yield node


def unsettled(node: Node) -> Iterator[Handle]:
    """The handles that this node still waits for."""
    return (handle for handle in leaves(node) if not handle.order)


def _first(nodes: tuple[Node, ...] | Iterator[Node]) -> int:
    return min((order for node in nodes if (order := settled(node))), default=0)


def _last(nodes: tuple[Node, ...]) -> int:
    """When the last of them completed; 0 if one has not. None at all are complete from the beginning, at
    1."""
    last = 1
    for node in nodes:
        order = settled(node)
        if not order:
            return 0
        last = max(last, order)
    return last


def _having(nodes: tuple[Node, ...], *, failed: bool) -> Iterator[Node]:
    return (node for node in nodes if settled(node) and _is_failed(node) is failed)


_is_failed = failed
