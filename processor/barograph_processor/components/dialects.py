"""The dialects that a configuration asks for: its mappings first, then those with a name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

import numpy as np

from barograph.errors import ConfigError
from barograph_processor.components.api import Context, dialect
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire import reasons
from barograph_processor.wire.bentoml import BentoML
from barograph_processor.wire.bentoml_schema import Config as BentoMLConfig
from barograph_processor.wire.mapped import Mapped

if TYPE_CHECKING:
    from collections.abc import Sized
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config
    from barograph_processor.engine.batch import Batch
    from barograph_processor.telemetry import Telemetry
    from barograph_processor.wire.decode import DecodeContext, Dialect
    from barograph_processor.wire.foreign import Foreign
    from barograph_processor.wire.refusals import Refusals

_log = logging.getLogger(__name__)

BENTOML = dialect(
    "bentoml",
    BentoMLConfig,
    BentoML,
    summary="BentoML's monitoring logs, as its OTLP monitor sends them.",
    stability="beta",
)


def open_dialects(
    stack: ExitStack, config: Config, registry: Registry, telemetry: Telemetry
) -> tuple[Dialect, ...]:
    """What reads spans and log records of others; the first that claims one has it.

    Args:
        stack: Closes them.
        config: With mappings and dialects.
        registry: The dialects that there are.
        telemetry: The processor's own counters.

    Raises:
        ConfigError: A dialect can't be made with its settings.
    """
    found: list[Dialect] = [
        Mapped(f"mappings[{index}]", mapping) for index, mapping in enumerate(config.mappings)
    ]
    for name, settings in config.dialects.items():
        factory = registry.factory("dialect", name.partition("/")[0])
        context = Context(intake=None, telemetry=telemetry, component_id=f"dialect/{name}")
        try:
            opened = cast("Dialect", stack.enter_context(factory.open(settings, context)))
        except Exception as error:  # a package of others may raise whatever it likes
            raise ConfigError(f"$.dialects.{name}: {error}") from error
        found.append(Guarded(name, opened))
    return tuple(found)


def check_batch(batch: object, tenant: str) -> None:
    """See that the engine can take what a dialect made.

    Raises:
        TypeError: It is no batch of predictions or truths.
        ValueError: Its columns differ in length, or it is of another tenant.
    """
    if isinstance(batch, Truths):
        whose, rows = batch.tenant, len(batch.time_ns)
        columns: dict[str, Sized] = {"ids": batch.ids, "classes": batch.classes.codes, "value": batch.value}
        if batch.pair is not None:
            check_batch(batch.pair, tenant)
            columns["pair"] = batch.pair.time_ns
    elif isinstance(batch, Predictions):
        whose, rows = batch.key.tenant, len(batch.time_ns)
        columns = {"ids": batch.ids, "classes": batch.classes.codes, "value": batch.value}
        columns |= {"score": batch.score, "scores": batch.scores}
        columns |= {f"segment {name}": texts.codes for name, texts in batch.segments.items()}
        if batch.features is not None:
            columns |= {f"feature {name}": one.numbers for name, one in batch.features.columns.items()}
    else:
        raise TypeError(f"a dialect gave {type(batch).__name__}, wanted Predictions or Truths")
    if whose != tenant:
        raise ValueError(f"a dialect gave a batch of the tenant {whose!r}, wanted {tenant!r}")
    unlike = {name: len(column) for name, column in columns.items() if len(column) != rows}
    if unlike:
        raise ValueError(f"a dialect gave columns of unlike length: {rows} times, but {unlike}")


class Guarded:
    """A dialect whose faults cost the records that it claimed and nothing else."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        """Guard a dialect.

        Args:
            name: As the configuration calls it.
            dialect: The dialect.
        """
        self.name = name
        self._dialect = dialect
        self._told: set[str] = set()

    def claims(self, records: Foreign) -> NDArray[np.bool_]:
        """As `Dialect.claims`; nothing where that fails."""
        try:
            return np.asarray(self._dialect.claims(records), bool).reshape(len(records))
        except Exception as error:  # noqa: BLE001  # a package of others may raise whatever it likes
            self._tell(error)
            return np.zeros(len(records), bool)

    def read(
        self, records: Foreign, rows: NDArray[np.int64], context: DecodeContext, verdicts: Refusals
    ) -> list[Batch]:
        """As `Dialect.read`; where that fails, all of its records are refused."""
        try:
            batches = list(self._dialect.read(records, rows, context, verdicts))
            for batch in batches:
                check_batch(batch, context.tenant)
        except Exception as error:  # noqa: BLE001  # likewise
            self._tell(error)
            verdicts.refuse(verdicts.taken, reasons.DIALECT_FAILED)
            return []
        return batches

    def _tell(self, error: Exception) -> None:
        """In the log, once for each kind of error."""
        kind = type(error).__name__
        if kind not in self._told:
            self._told.add(kind)
            _log.error(
                "the dialect %s failed; its records are refused as %s, and further such errors are not told",
                self.name, reasons.DIALECT_FAILED, exc_info=error,
            )  # fmt: skip
