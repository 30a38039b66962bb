"""What the judge moves in all doors at once: their clock and the health of their store, in one shared page of memory.

So a window of thirty seconds closes at once, and a store fault begins and ends at a known instant in every process.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path
from typing import Literal

_LAYOUT = struct.Struct("<qq")
_PAGE_BYTES = 4096

StoreFault = Literal["none", "down", "reads", "before", "after"]
_FAULTS: tuple[StoreFault, ...] = ("none", "down", "reads", "before", "after")


class Stage:
    """The machine's time plus an offset, and the current store fault. Also serves a door as its `Clock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_PAGE_BYTES))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE_BYTES)

    def now(self) -> int:
        """Return the doors' time in whole seconds."""
        return int(time.time()) + self._get()[0]

    def advance(self, seconds: int) -> None:
        """Move the doors' time forward."""
        offset, fault = self._get()
        self._put(offset + seconds, fault)

    @property
    def store_fault(self) -> StoreFault:
        """What is wrong with the store: nothing, everything, reads, writes before or after they are made."""
        return _FAULTS[self._get()[1]]

    @store_fault.setter
    def store_fault(self, fault: StoreFault) -> None:
        self._put(self._get()[0], _FAULTS.index(fault))

    def heal(self) -> None:
        """End the store fault."""
        self.store_fault = "none"

    def _get(self) -> tuple[int, int]:
        offset, fault = _LAYOUT.unpack_from(self._page)
        return offset, fault

    def _put(self, offset: int, fault: int) -> None:
        _LAYOUT.pack_into(self._page, 0, offset, fault)
