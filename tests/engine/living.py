"""What is in the memory of this process, of the kinds that tests ask for."""

from __future__ import annotations

import gc


class Living:
    """Objects of some kinds that were not there before. Other tests leave some of theirs, on purpose."""

    def __init__(self, *kinds: type) -> None:
        self._kinds = kinds
        gc.collect()
        self._before = self._all()

    def since(self) -> list[object]:
        """Those that came after this was made."""
        before = {id(each) for each in self._before}
        return [each for each in self._all() if id(each) not in before]

    def _all(self) -> list[object]:
        return [each for each in gc.get_objects() if isinstance(each, self._kinds)]
