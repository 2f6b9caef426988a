"""The systems that can be measured. The first is ours: every other one is compared with it."""

from benchmarks.peers.base import Peer
from benchmarks.peers.dbos import Dbos
from benchmarks.peers.limit import Limit
from benchmarks.peers.pgdurable import Pgdurable, PgdurableOnAllCores
from benchmarks.peers.restate import RestatePython, RestateTypeScript

__all__ = ["BY_DEFAULT", "PEERS", "Peer"]

_ALL: tuple[type[Peer], ...] = (Pgdurable, RestatePython, RestateTypeScript, Dbos, Limit, PgdurableOnAllCores)
PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in _ALL}
BY_DEFAULT: list[str] = [peer.name for peer in _ALL if peer.by_default]
