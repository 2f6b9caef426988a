"""Networks of their own for workers, as root: a cable between each and PostgreSQL, that can be pulled out.

A proxy can hold what is sent, but both kernels go on to say that they have it. Here nothing arrives, nobody
is told, and it is TCP that finds out or does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Self


class Namespace:
    """One of them. ``make`` gives None where they cannot be had."""

    def __init__(self, number: int) -> None:
        # Of this process alone: several of us may run on one machine.
        self.name = f"pgv{os.getpid()}n{number}"
        self._outside, self._inside = f"{self.name}o", f"{self.name}i"
        place = (os.getpid() * 4 + number) % (1 << 14)
        network, last = f"10.231.{place >> 6}", place % 64 * 4
        self.host, self._own = f"{network}.{last + 1}", f"{network}.{last + 2}"
        """The address of PostgreSQL's side, and of the other."""

    @classmethod
    def make(cls, number: int) -> Self | None:
        """With its cable in."""
        if os.geteuid() != 0 or shutil.which("ip") is None:
            return None
        made = cls(number)
        inside = f"ip netns exec {made.name} ip"
        commands = [
            f"ip netns add {made.name}",
            f"ip link add {made._outside} type veth peer name {made._inside}",
            f"ip link set {made._inside} netns {made.name}",
            f"ip addr add {made.host}/30 dev {made._outside}",
            f"{inside} addr add {made._own}/30 dev {made._inside}",
            f"{inside} link set lo up",
            f"{inside} link set {made._inside} up",
            f"ip link set {made._outside} up",
        ]
        if all(did(command) for command in commands):
            return made
        made.remove()
        return None

    def cut(self) -> None:
        """Pull the cable out."""
        did(f"ip link set {self._outside} down")

    def mend(self) -> None:
        """Put it in again."""
        did(f"ip link set {self._outside} up")

    def remove(self) -> None:
        """With its cable; whoever is in it stays there alone."""
        did(f"ip link del {self._outside}")
        did(f"ip netns del {self.name}")


def did(command: str) -> bool:
    """Whether it could be done."""
    return subprocess.run(command.split(), check=False, capture_output=True).returncode == 0
