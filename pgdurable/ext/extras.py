"""What an extension needs that is installed with an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class needs:
    """Around the imports of a library: who lacks it is told how to install it.

    Raises ImportError if ``library``, a module, or one of ``others``, which come with it, is missing;
    everything else passes.
    """

    def __init__(self, library: str, *others: str, extra: str) -> None:
        self._library = library
        self._modules = (library, *others)
        self._extra = extra

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ModuleNotFoundError) and any(
            _contains(module, error.name) or _contains(error.name, module) for module in self._modules
        ):
            raise ImportError(
                f"this needs {self._library}, which is not installed: pip install 'pgdurable[{self._extra}]'",
                name=error.name,
            ) from error


def _contains(package: str | None, module: str | None) -> bool:
    """Of a namespace, as ``google`` is, all may be missing."""
    return f"{module}.".startswith(f"{package}.")
