"""Names of all telemetry. Generated from semconv/registry: change that, run `make generate`."""

from typing import Final

SCHEMA_URL: Final = "https://barograph.invalid/schemas/0.1.0"
"""The version of the registry that resources and scopes name."""

SOURCE_SCOPE: Final = "barograph"
"""Instrumentation scope of what serving processes and edges send."""

PROCESSOR_SCOPE: Final = "barograph.processor"
"""Instrumentation scope of the processor's own counters and gauges."""

READINGS_SCOPE: Final = "barograph.readings"
"""Instrumentation scope of readings and window events; receivers drop it, so that nothing goes in circles."""
