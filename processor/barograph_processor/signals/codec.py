"""States to bytes and back.

The numbers of the kinds stand in stored bytes: they are never given to another state. Numbers from
1,000 on are for plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from barograph.errors import StateError
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.frame import kind_of, unseal
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from barograph_processor.signals.api import State
    from barograph_processor.signals.frame import Reader

FIRST_PLUGIN_KIND = 1_000
_LAST_KIND = 65_535


class StateType(Protocol):
    """A class of states that the codec can read.

    Attributes:
        KIND: Its number in stored bytes.
    """

    KIND: int

    def read(self, parameters: Reader, content: Reader) -> State:
        """Read what the state's `to_bytes` framed."""


StateTypeT = TypeVar("StateTypeT", bound=StateType)

_KINDS: dict[int, StateType] = {
    state.KIND: state
    for state in (
        ExplicitHistogram,
        ExponentialHistogram,
        CategoryCounts,
        ConfusionCounts,
        ScoreCounts,
        ProbabilityErrors,
        RegressionErrors,
    )
}


def kinds() -> frozenset[int]:
    """The kinds that `decode` reads."""
    return frozenset(_KINDS)


def register(state: StateTypeT) -> StateTypeT:
    """Let `decode` read the states of a plugin; usable as a class decorator. Once more changes nothing.

    Raises:
        StateError: The kind is not in 1,000 … 65,535 or is another state's.
    """
    if _KINDS.get(state.KIND) is state:
        return state
    if not FIRST_PLUGIN_KIND <= state.KIND <= _LAST_KIND:
        raise StateError(
            f"state kind {state.KIND} is not a plugin's; use {FIRST_PLUGIN_KIND} to {_LAST_KIND}"
        )
    if _KINDS.setdefault(state.KIND, state) is not state:
        raise StateError(f"state kind {state.KIND} is taken by {_KINDS[state.KIND]!r}; use another number")
    return state


def is_foreign(state: object) -> bool:
    """Whether a state is of a plugin's kind."""
    return getattr(state, "KIND", 0) >= FIRST_PLUGIN_KIND


def holds_foreign(data: bytes) -> bool:
    """Whether the bytes say that they are a state of a plugin's kind."""
    return kind_of(data) >= FIRST_PLUGIN_KIND


def encode(state: State) -> bytes:
    """The bytes of a state; equal states have equal bytes.

    >>> decode(encode(CategoryCounts.of({"a": 1}))).to_bytes() == encode(CategoryCounts.of({"a": 1}))
    True
    """
    return state.to_bytes()


def decode(data: bytes) -> State:
    """The state that the bytes hold.

    Raises:
        StateError: The bytes are no state, cut short, damaged, or of a kind or format unknown here.
    """
    kind, parameters, content = unseal(data)
    found = _KINDS.get(kind)
    if found is None:
        raise StateError(
            f"state kind {kind} is unknown here; install the plugin that made it, or upgrade barograph"
        )
    state = found.read(parameters, content)
    parameters.finish()
    content.finish()
    return state
