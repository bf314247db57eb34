"""Where something lies by a hash of it: many are looked up, put and removed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ABSENT: Final = -1
_LEAST: Final = 1_024
_FULL: Final = 0.6  # of the slots; where more are used, many have to be tried
_ONE: Final = np.uint64(1)
_FEW: Final = 24  # rows that are quicker looked up one by one
_AT_ONCE: Final = 16_384  # so that what is moved stays in the processor's cache


class HashIndex:
    """Hashes to numbers, in two arrays; a slot that is taken is passed over, by a step that the hash gives.

    >>> index = HashIndex()
    >>> index.put(np.array([7, 8], np.uint64), np.array([70, 80]))
    >>> index.remove(np.array([8], np.uint64))
    >>> index.find(np.array([8, 7, 9], np.uint64)).tolist()
    [-1, 70, -1]
    """

    __slots__ = ("_hashes", "_live", "_mask", "_numbers", "_shift", "_used")

    def __init__(self) -> None:
        self._clear(_LEAST)

    def __len__(self) -> int:
        return self._live

    def hashes(self) -> NDArray[np.uint64]:
        """uint64, every hash that is there, in whichever order."""
        there: NDArray[np.uint64] = self._hashes[self._numbers != ABSENT]
        return there

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n], the number of each, `ABSENT` where there is none.

        Args:
            hashes: uint64 [n], none of them 0.
        """
        if len(hashes) <= _FEW:
            return np.array([self._number_of(one) for one in hashes.tolist()], np.int64)
        found = np.full(len(hashes), ABSENT, np.int64)
        if not self._live:
            return found
        slots = self._slots_of(hashes)
        there = np.flatnonzero(slots >= 0)
        found[there] = self._numbers[slots[there]]
        return found

    def put(self, hashes: NDArray[np.uint64], numbers: NDArray[np.int64]) -> None:
        """Note numbers; of a hash that is there, the new one holds.

        Args:
            hashes: uint64 [n], unlike each other, none of them 0.
            numbers: int64 [n], none of them negative.
        """
        if self._used + len(hashes) > _FULL * len(self._hashes):
            self._make_room(len(hashes))
        slots, steps = self._first_slots(hashes)
        while len(slots) > _FEW:
            held = self._hashes[slots]
            free = held == 0
            self._hashes[slots[free]] = hashes[free]  # of several that want a slot, one gets it
            there = self._hashes[slots] == hashes
            mine = slots[there]
            taken = int(np.count_nonzero(free & there))
            if taken < len(mine):  # others were there before, and may have been removed
                self._live += int(np.count_nonzero(~free[there] & (self._numbers[mine] == ABSENT)))
            self._used += taken
            self._live += taken
            self._numbers[mine] = numbers[there]
            rest = np.flatnonzero(~there)
            hashes, numbers, steps = hashes[rest], numbers[rest], steps[rest]
            slots = (slots[rest] + steps) & self._mask
        for one, number, slot, step in zip(
            hashes.tolist(), numbers.tolist(), slots.tolist(), steps.tolist(), strict=True
        ):
            at, held_here = self._slot_of(one, slot, step)
            if not held_here:
                self._hashes[at] = one
                self._used += 1
            self._live += not held_here or self._numbers.item(at) == ABSENT
            self._numbers[at] = number

    def remove(self, hashes: NDArray[np.uint64]) -> None:
        """Forget some; their slots are used again when room is made.

        Args:
            hashes: uint64 [n], unlike each other.
        """
        slots = self._slots_of(hashes)
        slots = slots[slots >= 0]
        self._live -= int(np.count_nonzero(self._numbers[slots] != ABSENT))
        self._numbers[slots] = ABSENT
        if not self._live:
            self._clear(_LEAST)

    def _slots_of(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n], the slot of each, -1 where there is none."""
        found = np.full(len(hashes), -1, np.int64)
        rows = np.arange(len(hashes))
        slots, steps = self._first_slots(hashes)
        while len(rows) > _FEW:
            held = self._hashes[slots]
            there = held == hashes
            if there.any():
                found[rows[there]] = slots[there]
            on = np.flatnonzero(~there & (held != 0))
            rows, hashes, steps = rows[on], hashes[on], steps[on]
            slots = (slots[on] + steps) & self._mask
        for row, one, slot, step in zip(
            rows.tolist(), hashes.tolist(), slots.tolist(), steps.tolist(), strict=True
        ):
            at, held_here = self._slot_of(one, slot, step)
            if held_here:
                found[row] = at
        return found

    def _slot_of(self, one: int, slot: int, step: int) -> tuple[int, bool]:
        """The slot of one hash, and whether it is there; else a free one."""
        while (held := self._hashes.item(slot)) != one:
            if not held:
                return slot, False
            slot = (slot + step) & self._mask
        return slot, True

    def _number_of(self, one: int) -> int:
        """The number of one hash."""
        slot, held_here = self._slot_of(one, one >> int(self._shift), (one | 1) & self._mask)
        return self._numbers.item(slot) if held_here else ABSENT

    def _first_slots(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The slots to begin with, and the steps from there to all others: odd, as there are 2**k slots."""
        mask = np.uint64(self._mask)
        steps = (hashes | _ONE) & mask
        return (hashes >> self._shift).astype(np.int64), steps.astype(np.int64)

    def _make_room(self, more: int) -> None:
        hashes, numbers = self.hashes(), self._numbers[self._numbers != ABSENT]
        size = _LEAST
        while size * _FULL < (len(hashes) + more) * 1.25:  # else it would soon be full again
            size *= 2
        self._clear(size)
        for first in range(0, len(hashes), _AT_ONCE):
            self.put(hashes[first : first + _AT_ONCE], numbers[first : first + _AT_ONCE])

    def _clear(self, size: int) -> None:
        self._hashes = np.zeros(size, np.uint64)
        self._numbers = np.full(size, ABSENT, np.int64)
        self._mask = size - 1
        self._shift = np.uint64(64 - self._mask.bit_length())
        self._used = self._live = 0
