"""The files of collector-config/, as tests use them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[2] / "collector-config"
FILES = sorted(FOLDER.glob("*.yaml"))
LISTENING = {
    "LISTEN_GRPC": "127.0.0.1:${env:PORT_OTLP}",
    "LISTEN_HTTP": "127.0.0.1:${env:PORT_HTTP}",
    "LISTEN_HEALTH": "127.0.0.1:${env:PORT_HEALTH}",
}
PORTS = ("otlp", "http")
GATEWAY_PORTS = (*PORTS, "health")
SECRETS = {"GRAFANA_CLOUD_INSTANCE": "17", "GRAFANA_CLOUD_TOKEN": "cloud-token", "DD_API_KEY": "dog-key"}

# What no program of the tests has in it, and the keys that its documentation knows.
# Source: opentelemetry-collector-contrib v0.155, README.md and config.go of each.
DOCUMENTED: Mapping[str, set[str]] = {
    "tail_sampling": {
        "decision_wait", "num_traces", "expected_new_traces_per_sec", "decision_cache",
        "sample_on_first_match", "drop_pending_traces_on_shutdown", "policies",
    },
    "tail_sampling.policies": {
        "name", "type", "always_sample", "latency", "numeric_attribute", "probabilistic", "status_code",
        "string_attribute", "trace_state", "rate_limiting", "span_count", "boolean_attribute",
        "ottl_condition", "and", "drop", "composite",
    },
    "load_balancing": {
        "protocol", "resolver", "routing_key", "routing_attributes", "timeout", "retry_on_failure",
        "sending_queue",
    },
    "load_balancing.protocol": {"otlp"},
    "load_balancing.resolver": {"static", "dns", "k8s", "aws_cloud_map"},
    "load_balancing.resolver.dns": {"hostname", "port", "interval", "timeout"},
}  # fmt: skip


def program_of(file: Path) -> str:
    """The program that has the file's components; ``""`` where none has all of them."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if missing(content):
        return ""
    return "otelcol-filelog" if "file_log" in content["receivers"] else "otelcol"


def missing(content: Any) -> list[tuple[str, Any]]:
    """Settings of the components that no program has."""
    parts = [*content.get("processors", {}).items(), *content.get("exporters", {}).items()]
    return [(name, settings) for name, settings in parts if name.partition("/")[0] in DOCUMENTED]


def without_tail_sampling(file: Path, folder: Path) -> Path:
    """The same file with a sampler in the place of `tail_sampling` that keeps no trace at all."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    del content["processors"]["tail_sampling"]
    content["processors"]["filter/tail_sampling"] = {"trace_conditions": ['span.name != ""']}
    for pipeline in content["service"]["pipelines"].values():
        chain = pipeline.get("processors", [])
        pipeline["processors"] = [
            "filter/tail_sampling" if name == "tail_sampling" else name for name in chain
        ]
    derived = folder / file.name
    derived.write_text(yaml.safe_dump(content), encoding="utf-8")
    return derived
