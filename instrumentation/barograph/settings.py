"""What the environment says about monitors that nobody made in code: the ``BAROGRAPH_*`` variables.

Every variable has a default, and a wrong value never stops the program: it is said once, counted,
and the default is used. In strict mode it raises.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from barograph.errors import ConfigError
from barograph.guard import CONFIGURATION, guard
from barograph.sampling import rate_of
from barograph.schema import Roles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODEL = "BAROGRAPH_MODEL"
BASELINE = "BAROGRAPH_BASELINE"
COLUMNS = "BAROGRAPH_COLUMNS"
PANE = "BAROGRAPH_PANE"
THRESHOLD = "BAROGRAPH_THRESHOLD"
POSITIVE = "BAROGRAPH_POSITIVE"
OUTCOMES = "BAROGRAPH_OUTCOMES"
ROWS = "BAROGRAPH_ROWS"
REDACT = "BAROGRAPH_REDACT"
CLEAR = "BAROGRAPH_CLEAR"
HASH_KEY = "BAROGRAPH_HASH_KEY"

_DAY_S = 86_400
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": _DAY_S}
_FORMS = ("packed", "readable", "off")


@dataclass(frozen=True)
class Settings:
    """The environment's part of a monitor.

    Attributes:
        model: Name of the first model seen; None: its class name (``BAROGRAPH_MODEL=credit:3``).
        version: Its version, ``0`` where none is stated.
        baseline: Path of its baseline file (``BAROGRAPH_BASELINE``).
        columns: Which input columns say more than features
            (``BAROGRAPH_COLUMNS=id=application_id,time=at,segment=region``).
        pane_s: Length of a pane in seconds (``BAROGRAPH_PANE=1m``), a divisor of a day.
        threshold: The positive class is predicted from this score on (``BAROGRAPH_THRESHOLD``).
        positive: The positive class (``BAROGRAPH_POSITIVE``).
        outcomes: ``packed``, ``readable`` or ``off`` (``BAROGRAPH_OUTCOMES``).
        rows: Share of the predictions with ids that leave with features
            (``BAROGRAPH_ROWS=off``, ``all`` or ``0.1``).
        redact: How their columns leave (``BAROGRAPH_REDACT=ssn=drop,name=hash,age=bucket:10``).
        clear: Columns whose categories may leave as they are (``BAROGRAPH_CLEAR=region,channel``).
        hash_key: Key of the hashes by which others leave (``BAROGRAPH_HASH_KEY``).
    """

    model: str | None = None
    version: str = "0"
    baseline: str | None = None
    columns: str | None = None
    pane_s: int = 60
    threshold: float | None = None
    positive: str | None = None
    outcomes: str = "packed"
    rows: float = 0.0
    redact: str | None = None
    clear: tuple[str, ...] = ()
    hash_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the variables.

        Raises:
            ConfigError: In strict mode, where a value is wrong.

        >>> Settings.from_environment({"BAROGRAPH_MODEL": "credit:3", "BAROGRAPH_PANE": "1h"}).pane_s
        3600
        """
        found: dict[str, Any] = {}
        for variable, (name, read) in READERS.items():
            text = environ.get(variable, "").strip()
            if not text:
                continue
            try:
                found[name] = read(text)
            except (ValueError, ConfigError) as error:
                message = f"{variable}: {error}"
                if guard.is_strict:
                    raise ConfigError(message) from error
                guard.drop(CONFIGURATION, f"wrong_{name}", message)
        model = found.pop("model", None)
        if model is not None:
            found["model"], found["version"] = model
        return cls(**found)

    def shared_arguments(self) -> dict[str, Any]:
        """Arguments of `Monitor` for every model of the process."""
        return {
            "columns": self.columns,
            "pane_s": self.pane_s,
            "outcomes": self.outcomes,
            "rows": self.rows,
            "redact": self.redact,
            "clear": self.clear,
            "hash_key": self.hash_key,
        }

    def named_arguments(self) -> dict[str, Any]:
        """Arguments of `Monitor` for the model that the environment names."""
        named = {"baseline": self.baseline, "threshold": self.threshold, "positive": self.positive}
        return self.shared_arguments() | named


def _model(text: str) -> tuple[str, str]:
    name, version = (part.strip() for part in text.partition(":")[::2])
    if not name:
        raise ValueError(f"got {text!r}; wanted a name, or name:version")
    return name, version or "0"


def _columns(text: str) -> str:
    Roles.parse(text)
    return text


def _pane(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*([smhd]?)", text)
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if seconds <= 0 or _DAY_S % seconds:
        raise ValueError(f"got {text!r}; wanted a divisor of a day, such as 60, 1m, 5m or 1h")
    return seconds


def _threshold(text: str) -> float:
    try:
        threshold = float(text)
    except ValueError:
        threshold = float("nan")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"got {text!r}; wanted a number between 0 and 1")
    return threshold


def _outcomes(text: str) -> str:
    form = text.lower()
    if form not in _FORMS:
        raise ValueError(f"got {text!r}; wanted one of {', '.join(_FORMS)}")
    return form


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    MODEL: ("model", _model),
    BASELINE: ("baseline", str),
    COLUMNS: ("columns", _columns),
    PANE: ("pane_s", _pane),
    THRESHOLD: ("threshold", _threshold),
    POSITIVE: ("positive", str),
    OUTCOMES: ("outcomes", _outcomes),
    ROWS: ("rows", rate_of),
    # Read by the monitor, which sends nothing at all where a rule is wrong.
    REDACT: ("redact", str),
    CLEAR: ("clear", _names),
    HASH_KEY: ("hash_key", str),
}
