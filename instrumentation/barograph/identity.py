"""Whose telemetry it is: model, version, output and the baseline they are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from barograph.semconv import attributes

if TYPE_CHECKING:
    from barograph.points import AttributeValue


class Identity(NamedTuple):
    """What every point, event and span of one output carries.

    Attributes:
        model: Model name.
        version: Model version.
        output: Output name, ``""`` for the only one.
        baseline_id: Of the baseline that edges and vocabularies come from.
        task: ``binary``, ``multiclass`` or ``regression``, where it is known.
    """

    model: str
    version: str = "0"
    output: str = ""
    baseline_id: str | None = None
    task: str | None = None

    def attributes(self) -> dict[str, AttributeValue]:
        """The part of the key that travels: model, version, and output where it isn't ``""``."""
        named: dict[str, AttributeValue] = {
            attributes.ML_MODEL_NAME: self.model,
            attributes.ML_MODEL_VERSION: self.version,
        }
        if self.output:
            named[attributes.ML_OUTPUT_NAME] = self.output
        return named

    def point_attributes(self, source_id: str, pane_s: int) -> dict[str, AttributeValue]:
        """What every delta point carries."""
        named = self.attributes()
        named[attributes.ML_SOURCE_ID] = source_id
        named[attributes.ML_PANE_LENGTH] = pane_s
        if self.baseline_id is not None:
            named[attributes.ML_BASELINE_ID] = self.baseline_id
        return named
