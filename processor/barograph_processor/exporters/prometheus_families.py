"""Readings and our own telemetry as the metric families of a scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Metric

from barograph_processor.exporters.prometheus_names import label_name, metric_name
from barograph_processor.signals import declared
from barograph_processor.telemetry import about
from barograph_processor.wire.reading_attributes import reading_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.engine.results import CurrentReading
    from barograph_processor.telemetry import Sample

_TOTAL = "_total"


def families_of(current: Iterable[CurrentReading], telemetry: Iterable[Sample]) -> list[Metric]:
    """One family for each metric, ordered by name.

    Args:
        current: Readings that stand now.
        telemetry: The processor's own numbers.
    """
    families: dict[str, Metric] = {}
    for each in current:
        attributes = {
            **reading_attributes(each.key, each.window, each.baseline_id),
            **dict(each.reading.attributes),
        }
        known = declared.about(each.reading.metric)
        _add(families, known.name, (known.unit, known.brief), attributes, each.reading.value)
    for sample in telemetry:
        labels = dict(sample.attributes)
        _add(families, sample.name, about(sample.name), labels, sample.value, monotonic=sample.monotonic)
    return [families[name] for name in sorted(families)]


def _add(  # noqa: PLR0913  # one sample of one family
    families: dict[str, Metric],
    name: str,
    about: tuple[str, str],
    attributes: Mapping[str, str],
    value: float,
    *,
    monotonic: bool = False,
) -> None:
    unit, brief = about
    translated = metric_name(name, unit, "counter" if monotonic else "gauge")
    family = families.get(translated)
    if family is None:
        # The exposition format names a counter's family without the suffix of its samples.
        kind = "counter" if monotonic else "gauge"
        family = families[translated] = Metric(
            translated.removesuffix(_TOTAL) if monotonic else translated, brief, kind
        )
    family.add_sample(translated, _labels(attributes), value)


def _labels(attributes: Mapping[str, str]) -> dict[str, str]:
    """Labels; attributes whose names become the same are joined in order, as the specification asks."""
    labels: dict[str, str] = {}
    for name in sorted(attributes):
        label = label_name(name)
        labels[label] = f"{labels[label]};{attributes[name]}" if label in labels else attributes[name]
    return labels
