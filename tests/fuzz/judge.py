"""What becomes of a request in a receiver with an engine behind it, and what may not become of it."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from barograph.errors import Permanent
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Settings, Window
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire.bentoml import BentoML
from barograph_processor.wire.bentoml_schema import Config
from barograph_processor.wire.descriptors import slim_descriptor
from wire.foreign_requests import LOG, SPAN, context
from wire.otlp_requests import TIME_NS

from .mutations import REQUESTS, is_sloppy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.wire.descriptors import Lane

    from .mutations import Case

MEMORY_MOST_BYTES = 256 * 2**20
SETTINGS = Settings(
    windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS)), segments=("region",), learn_rows=30
)
LANES: tuple[Lane, ...] = ("logs", "metrics", "traces", "foreign_traces")
SLIM = {lane: GetMessageClass(slim_descriptor(lane)) for lane in LANES}
DIALECTS = (*context(SPAN, LOG).dialects, BentoML(Config()))


class Verdict(NamedTuple):
    """What became of a request.

    Attributes:
        accepted: Whether it was taken as a request, be every item of it refused.
        protobuf: Whether protobuf's own parser takes it, with the fields that are read here.
        told: What the sender is told.
        excused: Whether both may differ, see `is_sloppy`.
    """

    accepted: bool
    protobuf: bool
    told: str
    excused: bool = False

    @property
    def agreed(self) -> bool:
        """Whether protobuf says the same, or may say otherwise."""
        return self.accepted == self.protobuf or self.excused


class _Intake:
    """An engine at one moment, as receivers see it."""

    def __init__(self) -> None:
        self.engine = Engine(SETTINGS, store=MemoryStore())

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        return self.engine.feed(batches, TIME_NS + HOUR_NS)

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        return {}


def judge(case: Case, *, thorough: bool) -> Verdict:
    """Receive a request, compute and close what it makes; any exception is a finding.

    Args:
        case: The request.
        thorough: Also close every window of it, and restore a copy of the engine.

    Raises:
        MemoryError: It took much more memory than a request may.
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    intake = _Intake()
    dialects = DIALECTS if case.foreign else ()
    receiver = OtlpIntake(intake, Telemetry(), CumulativeStreams(intake, 0), dialects=dialects)
    try:
        told = receiver.export(case.signal, case.data)
    except Permanent as error:
        return Verdict(accepted=False, protobuf=_parses(case), told=str(error))
    if thorough:
        engine = intake.engine
        engine.advance(TIME_NS + 2 * DAY_NS)
        engine.drain(TIME_NS + 40 * DAY_NS)
        Engine.restore(engine.snapshot(), SETTINGS, store=MemoryStore())
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1_024
    if grown > MEMORY_MOST_BYTES:
        raise MemoryError(f"{len(case.data):,} bytes made {grown:,}")
    parses = _parses(case)
    excused = not parses and is_sloppy(case.data, REQUESTS[case.signal])
    return Verdict(accepted=True, protobuf=parses, told=told.hex(), excused=excused)


def _parses(case: Case) -> bool:
    lane: Lane = "foreign_traces" if case.foreign and case.signal == "traces" else case.signal
    try:
        SLIM[lane].FromString(case.data)
    except DecodeError:
        return False
    return True
