"""The attributes of a reading: whose it is, of which window, and compared with what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph.semconv import attributes as names
from barograph_processor.wire.decode import DEFAULT_TENANT
from barograph_processor.wire.identity import ENVIRONMENT, SERVICE_NAMESPACE

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Key

READING_NAME = "name"
READING_VALUE = "value"


def reading_attributes(key: Key, window: str, baseline_id: str | None) -> dict[str, str]:
    """Attribute name to text; parts of the key that are ``""`` are left out.

    The tenant is left out where it is the one that everybody without a token of their own belongs to.
    """
    found = {
        names.ML_MODEL_NAME: key.model,
        names.ML_MODEL_VERSION: key.version,
        names.ML_OUTPUT_NAME: key.output,
        SERVICE_NAMESPACE: key.namespace,
        ENVIRONMENT: key.environment,
        names.BAROGRAPH_TENANT: "" if key.tenant == DEFAULT_TENANT else key.tenant,
        names.ML_WINDOW_NAME: window,
        names.ML_BASELINE_ID: baseline_id or "",
    }
    return {name: text for name, text in found.items() if text}
