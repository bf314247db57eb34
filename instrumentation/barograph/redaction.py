"""What stands in a row's place of a value: rules by column, as users state them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast, get_args

from barograph.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["clear", "drop", "hash", "bucket"]
_KINDS = get_args(Kind)
_ALL = "*"


class Rule(NamedTuple):
    """How the values of one column leave.

    Attributes:
        kind: ``clear`` as they are, ``drop`` not at all, ``hash`` as keyed hashes, ``bucket`` as
            a number that stands for all of its bucket.
        width: Width of the buckets, where it isn't the baseline that says it.
    """

    kind: Kind
    width: float | None = None


class Redaction:
    """Rules by column; a rule for ``*`` is every other column's.

    Args:
        rules: Column to rule.
        otherwise: The rule of columns without one, segments too.
    """

    def __init__(self, rules: Mapping[str, Rule] | None = None, *, otherwise: Rule | None = None) -> None:
        self._rules = dict(rules or {})
        self._otherwise = otherwise

    @classmethod
    def parse(cls, redact: str | Mapping[str, str] | None) -> Redaction:
        """Read ``ssn=drop,name=hash,income=bucket,age=bucket:10`` or the same as a mapping.

        Raises:
            ConfigError: A rule is unknown, or a width isn't a positive number.

        >>> Redaction.parse("ssn=drop,age=bucket:10").of("age")
        Rule(kind='bucket', width=10.0)
        """
        if isinstance(redact, str):
            parts = filter(None, (part.strip() for part in redact.split(",")))
            pairs = [
                (column.strip(), rule.strip()) for column, _, rule in (one.partition("=") for one in parts)
            ]
        else:
            pairs = [(str(column), str(rule)) for column, rule in (redact or {}).items()]
        return cls({column: _rule(column, rule) for column, rule in pairs})

    def of(self, column: str) -> Rule | None:
        """The rule of a feature; None where nothing is stated."""
        return self._rules.get(column) or self._rules.get(_ALL) or self._otherwise

    def stated(self, column: str) -> Rule | None:
        """The rule of a segment, which has to name its column."""
        return self._rules.get(column) or self._otherwise

    def __bool__(self) -> bool:
        """Whether any rule is stated."""
        return bool(self._rules or self._otherwise)

    @property
    def clear(self) -> frozenset[str]:
        """Columns declared clear, ``*`` for all."""
        return frozenset(column for column, rule in self._rules.items() if rule.kind == "clear")


def _rule(column: str, text: str) -> Rule:
    kind, _, width = text.partition(":")
    if not column or kind not in _KINDS or (width and kind != "bucket"):
        raise ConfigError(
            f"redact: got {column}={text}; wanted a column = one of {', '.join(_KINDS)}, or bucket:<width>"
        )
    return Rule(cast("Kind", kind), _width(column, width) if width else None)


def _width(column: str, text: str) -> float:
    try:
        width = float(text)
    except ValueError:
        width = math.nan
    if not 0.0 < width < math.inf:
        raise ConfigError(f"redact: got {column}=bucket:{text}; wanted a width above 0, such as bucket:10")
    return width
