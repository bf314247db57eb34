"""Spans. Generated from semconv/registry by semconv/generate.py: change that, run `make generate`."""

from typing import Final, NamedTuple


class Span(NamedTuple):
    """What the registry says of a span; `attributes` are the names that it may carry."""

    type: str
    kind: str
    brief: str
    attributes: tuple[str, ...]


ML_INFERENCE: Final = "ml.inference"
"""One call to a model."""


SPANS: Final[dict[str, Span]] = {
    ML_INFERENCE: Span(
        ML_INFERENCE,
        "internal",
        "One call to a model.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.system.name",
            "ml.operation.name",
            "ml.task.type",
            "ml.batch.rows",
            "ml.inference.id",
            "error.type",
        ),
    ),
}
"""Every span by type."""
