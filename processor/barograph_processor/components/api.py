"""What a component is: the same few pieces for receivers, stores and exporters.

`Config` is what the user's YAML says, `Context` what the code passes.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

from barograph_processor.wire.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.telemetry import Telemetry
    from barograph_processor.wire.decode import Dialect

ConfigT = TypeVar("ConfigT")
ComponentT = TypeVar("ComponentT", covariant=True)
Stability = Literal["development", "alpha", "beta", "stable"]
Kind = Literal["receiver", "store", "exporter", "dialect"]


class Listener(NamedTuple):
    """Where a component can be reached.

    Attributes:
        protocol: Its key in the component's settings, such as ``grpc``.
        endpoint: ``host:port``, with the port that was really taken.
        secure: Whether TLS is spoken.
        authenticated: Whether senders must prove who they are.
    """

    protocol: str
    endpoint: str
    secure: bool = False
    authenticated: bool = False


@runtime_checkable
class Listens(Protocol):
    """A receiver that can be reached by others."""

    listeners: Sequence[Listener]


@runtime_checkable
class Verifies(Protocol):
    """Settings that name what has to be there, such as files; it can be looked at before anything starts."""

    def verify(self) -> None:
        """Look at it.

        Raises:
            ConfigError: The component couldn't start.
        """


class Position(NamedTuple):
    """How far a receiver has come with some batches: it is kept together with them, or not at all.

    Attributes:
        owner: The receiver's component id.
        changes: What to remember from now on, by a name of the receiver's choice; None: to forget.
    """

    owner: str
    changes: Mapping[str, bytes | None]


class Intake(Protocol):
    """Where receivers put batches. Safe to call from any thread."""

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        """Take batches; returns once they are as safe as the configured durability asks.

        Args:
            batches: What came.
            position: How far the receiver has come with them.

        Raises:
            Retryable: Not now; nothing of the batches was taken.
        """

    def remembered(self, owner: str) -> Mapping[str, bytes] | None:
        """How far a receiver had come when the last run ended, by its names; None: nothing is kept."""


class Exporter(Protocol):
    """Where results go. Called from one thread; must return within its configured timeout."""

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Publish the events of newly closed or revised windows."""

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Publish the readings that are current at `now_ns`; called every export interval."""


class Control(Protocol):
    """What an operator may ask of the running program, for components that listen to operators."""

    def drain(self, timeout_s: float) -> Mapping[str, object]:
        """Close every window and horizon, wait until all of it is exported; returns a summary.

        Raises:
            TimeoutError: Not everything was exported in time.
        """

    def health(self) -> Mapping[str, object]:
        """Whether the program works: ``status`` is ``ok`` or says what is wrong."""

    def ready(self) -> Mapping[str, object]:
        """Whether telemetry is taken now: ``status`` is ``ready`` or says why it isn't."""

    def probe(self, name: str) -> Mapping[str, object]:
        """What arrived of a probe: how many predictions, labels and points, and whether they joined."""

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Tell now, and within a second of each change, whether telemetry is taken."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a component gets from the program.

    Attributes:
        intake: Where a receiver puts batches; None for other kinds.
        telemetry: The processor's own counters.
        component_id: ``kind/name`` for messages.
        control: What operators may ask; None for components that no operator talks to.
        dialects: What reads spans and log records of others, for receivers.
        remembered: How far a receiver had come when the last run ended, by its names; None where nothing is
            remembered, so that nobody need say how far it comes.
        limits: How much a request may hold, for receivers.
        group: Whose entries a store holds, the same after a restart; no two stores of one group are open at
            one time.
    """

    intake: Intake | None
    telemetry: Telemetry
    component_id: str
    control: Control | None = None
    dialects: Sequence[Dialect] = ()
    remembered: Mapping[str, bytes] | None = None
    limits: Limits = field(default_factory=Limits)
    group: str = ""


@dataclass(frozen=True, slots=True)
class Factory(Generic[ConfigT, ComponentT]):
    """Makes a component of one type.

    Attributes:
        kind: What it is.
        name: The key under ``receivers:``, ``exporters:`` …
        config_type: A msgspec struct; every field has a default.
        open: Starts the component; leaving the context stops and flushes it.
        stability: How much may still change.
        summary: One line for ``barograph components``.
    """

    kind: Kind
    name: str
    config_type: type[ConfigT]
    open: Callable[[ConfigT, Context], AbstractContextManager[ComponentT]]
    stability: Stability
    summary: str


AnyFactory = Factory[Any, Any]


def dialect(
    name: str,
    config_type: type[ConfigT],
    make: Callable[[ConfigT], Dialect],
    *,
    summary: str,
    stability: Stability,
) -> Factory[ConfigT, Dialect]:
    """The factory of a dialect, which holds nothing that would have to be closed.

    Args:
        name: The key under ``dialects:``.
        config_type: A msgspec struct; every field has a default.
        make: Makes the dialect from the user's settings.
        summary: One line for ``barograph components``.
        stability: How much may still change.
    """
    return Factory(
        "dialect", name, config_type, lambda config, _context: nullcontext(make(config)), stability, summary
    )
