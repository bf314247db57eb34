"""The receiver ``parquet``: whole files of rows that are dropped into a folder, each of them read once."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from barograph.errors import ConfigError, Permanent
from barograph_processor.components.api import Factory, Position
from barograph_processor.config.values import Duration
from barograph_processor.files.pieces import parquet_pieces
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.files.columns import Columns
from barograph_processor.receivers.files.dropping import Dropped, Folders, Place
from barograph_processor.receivers.files.polling import Polling, drop
from barograph_processor.receivers.files.rows import RowReader, Source
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.wire import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.components.api import Context
    from barograph_processor.telemetry import Telemetry

_log = logging.getLogger(__name__)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole Parquet files of predictions, of ground truth, or of both.

    Attributes:
        include: Paths and patterns (``/shared/predictions/*.parquet``, ``**``); names that begin with
            ``_`` or ``.`` are left out.
        exclude: Those of them that are left out.
        model: Model of rows that name none.
        version: Version of rows that state none.
        columns: Which columns say what.
        poll: How often folders are looked at.
        settle: A file without Parquet's end that didn't change for so long is damaged: counted, and not read.
        source_id: What tells these rows from other senders'; by default the name of the host.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    model: str | None = None
    version: str | None = None
    columns: Columns = Columns()
    poll: Duration = Duration("5s")
    settle: Duration = Duration("1m")
    source_id: str | None = None


class _Piece(NamedTuple):
    """Rows that the engine has not taken yet."""

    file: Dropped
    place: Place
    request: bytes
    foreign: int
    malformed: int


class ParquetReceiver:
    """Reads dropped files in a thread of its own, one after the other.

    A piece of a file counts as read when the engine has taken it; until then it is offered again.
    """

    def __init__(
        self,
        config: Config,
        intake: OtlpIntake,
        telemetry: Telemetry,
        component_id: str,
        *,
        known: Mapping[str, Place] | None = None,
    ) -> None:
        """Begin; `start` sets it going.

        Args:
            config: What is read, and what its rows mean.
            intake: Takes requests.
            telemetry: Where rows and files that can't be read are counted.
            component_id: ``receiver/parquet`` …
            known: How far files were read in an earlier run.
        """
        self._config = config
        self._intake = intake
        self._telemetry = telemetry
        self._component_id = component_id
        source = Source(config.model, config.version, config.source_id or socket.gethostname())
        self._rows = RowReader(config.columns, source)
        self._folders = Folders(
            config.include, exclude=config.exclude, settle_s=config.settle.seconds, known=known
        )
        self._reading: tuple[Dropped, Place, Iterator[list[dict[str, Any]]]] | None = None
        self._unsent: _Piece | None = None
        self._polling = Polling(self._take, name=component_id, interval_s=config.poll.seconds)

    def start(self) -> None:
        """Begin to read."""
        self._polling.start()

    def close(self) -> None:
        """Stop after the piece at hand; the next run goes on behind it."""
        self._polling.close()

    def _take(self, stopping: bool) -> bool:  # noqa: FBT001  # as `Polling` tells it
        del stopping
        return self.poll(time.monotonic())

    def poll(self, now_s: float) -> bool:
        """Take the next piece of the file at hand, or of the next one.

        Args:
            now_s: A clock that never goes back.

        Returns:
            Whether there was any.

        Raises:
            Retryable: The engine can't take more now, or the file can't be read now; nothing is left out.
        """
        if self._unsent is None:
            self._unsent = self._next(now_s)
        if self._unsent is None:
            return False
        self._give(self._unsent)
        self._unsent = None
        return True

    def _next(self, now_s: float) -> _Piece | None:
        if self._reading is None:
            file = self._folders.next(now_s)
            if file is None:
                return None
            place = self._folders.place(file)
            self._reading = file, place, parquet_pieces(file.path, place.rows)
        file, place, pieces = self._reading
        try:
            rows = next(pieces, None)
        except Permanent as error:
            _log.warning("%s: %s; the rest of it is left out", self._component_id, error)
            return _Piece(file, Place(path=str(file.path), rows=place.rows, done=True), b"", 0, 1)
        except Exception:  # whatever it is, a generator that raised has nothing more to give
            self._reading = None
            raise
        if rows is None:
            return _Piece(file, Place(path=str(file.path), rows=place.rows, done=True), b"", 0, 0)
        request = self._rows.request((row, file.written_ns) for row in rows)
        after = Place(path=str(file.path), rows=place.rows + len(rows))
        return _Piece(file, after, request.data if request.records else b"", request.foreign, 0)

    def _give(self, piece: _Piece) -> None:
        change = self._folders.change(piece.file, piece.place)
        position = Position(
            self._component_id,
            {name: None if each is None else msgspec.msgpack.encode(each) for name, each in change.items()},
        )
        malformed = piece.malformed
        for why in self._intake.export_together([("logs", piece.request)] if piece.request else [], position):
            malformed += 1
            _log.warning("%s: %s", self._component_id, why)
        self._folders.taken(change)
        if self._reading is not None:
            self._reading = None if piece.place.done else (piece.file, piece.place, self._reading[2])
        drop(self._telemetry, reasons.FOREIGN, piece.foreign)
        drop(self._telemetry, reasons.MALFORMED, malformed)


@contextmanager
def _open(config: Config, context: Context) -> Iterator[ParquetReceiver]:
    if context.intake is None:
        raise ConfigError("a receiver needs an engine to feed")
    if not config.include:
        _log.warning(
            "%s reads nothing: include is empty; wanted paths or patterns such as /shared/*.parquet",
            context.component_id,
        )
    streams = CumulativeStreams(context.intake, time.time_ns())  # rows have none
    intake = OtlpIntake(context.intake, context.telemetry, streams, context.limits)
    known = {
        name: msgspec.msgpack.decode(each, type=Place) for name, each in (context.remembered or {}).items()
    }
    receiver = ParquetReceiver(config, intake, context.telemetry, context.component_id, known=known)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.close()


FACTORY: Factory[Config, ParquetReceiver] = Factory(
    kind="receiver",
    name="parquet",
    config_type=Config,
    open=_open,
    stability="alpha",
    summary="Whole Parquet files of rows that are dropped into a folder.",
)
