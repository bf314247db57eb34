"""Prometheus names are those of the Go translators; the cases are those of their own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph_processor.exporters.prometheus_names import label_name, metric_name

if TYPE_CHECKING:
    from barograph_processor.exporters.prometheus_names import Kind


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        # prometheus/otlptranslator, metric_namer_test.go: UTF8Allowed false, WithMetricSuffixes true
        ("requests", "", "counter", "requests_total"),
        ("cpu_usage", "1", "gauge", "cpu_usage_ratio"),
        ("items", "1", "counter", "items_total"),
        ("response_time", "ms", "gauge", "response_time_milliseconds"),
        ("memory_usage", "By", "gauge", "memory_usage_bytes"),
        ("requests", "1/s", "gauge", "requests_per_second"),
        ("throughput", "By/s", "gauge", "throughput_bytes_per_second"),
        ("custom_metric", "custom_unit", "gauge", "custom_metric_custom_unit"),
        ("custom_metric", "{custom}", "gauge", "custom_metric"),
        ("custom_metric", "By/{custom}", "gauge", "custom_metric_bytes"),
        ("requests_total", "", "counter", "requests_total"),
        ("cpu_usage_ratio", "1", "gauge", "cpu_usage_ratio"),
        ("response_time_seconds", "s", "gauge", "response_time_seconds"),
        ("metric__with__multiple__underscores", "unit__multiple__underscores", "gauge",
         "metric_with_multiple_underscores_unit_multiple_underscores"),
        ("custom_metric", "unit@with#special/chars", "gauge", "custom_metric_unit_with_special_per_chars"),
        ("request_duration", "s", "histogram", "request_duration_seconds"),
        ("active_connections", "", "updowncounter", "active_connections"),
        ("uptime", "d", "gauge", "uptime_days"),
        ("123metric", "", "gauge", "_123metric"),
        # ours
        ("ml.feature.drift.psi", "{psi}", "gauge", "ml_feature_drift_psi"),
        ("ml.feature.missing.ratio", "1", "gauge", "ml_feature_missing_ratio"),
        ("ml.performance.accuracy", "1", "gauge", "ml_performance_accuracy_ratio"),
        ("ml.label.delay", "s", "gauge", "ml_label_delay_seconds"),
        ("ml.telemetry.dropped", "{item}", "counter", "ml_telemetry_dropped_total"),
        ("ml.monitor.status", "{status}", "gauge", "ml_monitor_status"),
    ],
)  # fmt: skip
def test_metric_names_are_those_of_the_go_translator(name: str, unit: str, kind: Kind, expected: str) -> None:
    assert expected == metric_name(name, unit, kind)


@pytest.mark.parametrize("name", ["", "@#$%", "..."])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        metric_name(name, "", "gauge")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # label_namer_test.go, without the deprecated options
        ("label:with:colons", "label_with_colons"),
        ("LabelWithCapitalLetters", "LabelWithCapitalLetters"),
        ("label!with&special$chars)", "label_with_special_chars_"),
        ("label_with_foreign_characters_字符", "label_with_foreign_characters_"),
        ("label.with.dots", "label_with_dots"),
        (".foo", "_foo"),
        ("123label", "key_123label"),
        ("_label_starting_with_underscore", "_label_starting_with_underscore"),
        ("__label_starting_with_2underscores", "_label_starting_with_2underscores"),
        ("label__with__double__underscores", "label_with_double_underscores"),
        ("label.name__with&&special##chars", "label_name_with_special_chars"),
        ("__reserved__label__name__", "__reserved_label_name__"),
        ("trailing_underscores___", "trailing_underscores_"),
    ],
)
def test_label_names_are_those_of_the_go_translator(name: str, expected: str) -> None:
    assert expected == label_name(name)


@pytest.mark.parametrize("name", ["", "__", "ようこそ"])
def test_a_label_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        label_name(name)
