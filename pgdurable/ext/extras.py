"""What an extension needs that is installed with an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class needs:
    """Around the imports of a library: who lacks it is told how to install it.

    Raises ImportError if ``library``, the top-level module, is missing; everything else passes.
    """

    def __init__(self, library: str, *, extra: str) -> None:
        self._library = library
        self._extra = extra

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ModuleNotFoundError) and f"{error.name}.".startswith(f"{self._library}."):
            raise ImportError(
                f"this needs {self._library}, which is not installed: pip install 'pgdurable[{self._extra}]'",
                name=error.name,
            ) from error
