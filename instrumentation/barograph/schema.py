"""Which columns of a table are features, of what kind, and which say who and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from barograph.columns import kind_of, numbers, values
from barograph.errors import ConfigError
from barograph.frames import MAX_WIDTH, Frame
from barograph.guard import HISTOGRAMS, guard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from barograph.baseline import Baseline
    from barograph.columns import Kind, RawColumn

MAX_FEATURES = MAX_WIDTH
_MAX_LAYOUTS = 64
_ROLES = ("id", "time", "group", "segment")


class Roles(NamedTuple):
    """Columns of the input that are more than features.

    Attributes:
        id: Column of the inference id.
        time: Column of the event time.
        group: Column of the group that rows belong to.
        segments: Columns by which performance is told apart; they may be features too.
    """

    id: str | None = None
    time: str | None = None
    group: str | None = None
    segments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, columns: str | Mapping[str, str | Sequence[str]] | None) -> Roles:
        """Read ``id=flight_id,time=scheduled,segment=carrier`` or the same as a mapping.

        Raises:
            ConfigError: A role is unknown.

        >>> Roles.parse("id=flight,segment=carrier,segment=origin").segments
        ('carrier', 'origin')
        """
        pairs: list[tuple[str, str]] = []
        if isinstance(columns, str):
            for part in filter(None, (part.strip() for part in columns.split(","))):
                role, _, column = part.partition("=")
                pairs.append((role.strip(), column.strip()))
        else:
            for role, found in (columns or {}).items():
                pairs.extend((role, one) for one in ([found] if isinstance(found, str) else found))
        single: dict[str, str] = {}
        segments: list[str] = []
        for role, column in pairs:
            name = role[:-1] if role == "segments" else role
            if name not in _ROLES or not column:
                raise ConfigError(
                    f"columns: got {role}={column}; wanted one of {', '.join(_ROLES)} = a column"
                )
            if name == "segment":
                segments.append(column)
            else:
                single[name] = column
        return cls(segments=tuple(segments), **single)

    @property
    def never_features(self) -> frozenset[str]:
        """Columns that are not features whatever they hold."""
        return frozenset(name for name in (self.id, self.time, self.group) if name)


class Features(NamedTuple):
    """The features of some rows, by kind.

    Attributes:
        numbers: Rows by numeric features, NaN missing, infinite invalid.
        categories: Raw values of every categorical feature.
        undecided: Columns without any value yet.
    """

    numbers: npt.NDArray[np.float64]
    categories: list[list[object]]
    undecided: list[str]


class _Layout(NamedTuple):
    numbers: list[int]  # position in the table of each numeric feature, -1 where it is absent
    categories: list[int]
    undecided: list[tuple[str, int]]
    in_order: bool


class Schema:
    """The features of a model: fixed by the baseline, else learned from what comes."""

    def __init__(self, baseline: Baseline | None, feature_names: Sequence[str] | None, roles: Roles) -> None:
        self.roles = roles
        self.numbers: list[str] = []
        self.categories: list[str] = []
        self._fixed = baseline is not None and bool(baseline.header.features)
        self._ordered: tuple[str, ...] | None = (
            tuple(map(str, feature_names)) if feature_names is not None else None
        )
        if baseline is not None and self._fixed:
            known = [one for one in baseline.header.features if one.name not in roles.never_features]
            if self._ordered is None:
                self._ordered = tuple(one.name for one in known)
            for one in known[:MAX_FEATURES]:
                (self.numbers if one.kind == "number" else self.categories).append(one.name)
        self._kinds: dict[str, Kind] = dict.fromkeys(self.numbers, "number")
        self._kinds |= dict.fromkeys(self.categories, "category")
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    def names(self, frame: Frame) -> tuple[str, ...] | None:
        """Names of the table's columns; None where they can't be told."""
        if frame.names is None:
            if self._ordered is not None and len(self._ordered) == frame.width:
                return self._ordered
            if self._fixed:
                return None
            return tuple(f"x{position}" for position in range(min(frame.width, MAX_WIDTH)))
        if (
            self._fixed
            and self._ordered
            and len(self._ordered) == frame.width
            and not any(name in self._kinds for name in frame.names)
        ):
            return self._ordered
        return frame.names

    def role_columns(self, frame: Frame, names: tuple[str, ...]) -> dict[str, RawColumn]:
        """The columns that say who and when, by name."""
        wanted = (self.roles.id, self.roles.time, *self.roles.segments)
        return {name: frame.column(names.index(name)) for name in wanted if name and name in names}

    def read(self, frame: Frame, names: tuple[str, ...]) -> Features:
        """The features of a table."""
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._lay_out(frame, names)
        if (
            layout.undecided
            or len(layout.numbers) != len(self.numbers)
            or len(layout.categories) != len(self.categories)
        ):
            layout = self._lay_out(frame, names)
        return Features(
            self._numbers(frame, layout),
            [self._values(frame, position) for position in layout.categories],
            [name for name, _ in layout.undecided],
        )

    def _lay_out(self, frame: Frame, names: tuple[str, ...]) -> _Layout:
        places: dict[str, int] = {}
        undecided: list[tuple[str, int]] = []
        beyond = max(frame.width - len(names), 0) * frame.rows
        for position, name in enumerate(names):
            if name in self.roles.never_features or name in places:
                continue
            if name not in self._kinds and not self._fixed:
                kind = self._learn(frame, position)
                if len(self._kinds) + len(undecided) >= MAX_FEATURES:
                    beyond += _present(frame, position)
                    continue
                if kind is None:
                    undecided.append((name, position))
                    continue
                self._kinds[name] = kind
                (self.numbers if kind == "number" else self.categories).append(name)
            places[name] = position
        if beyond:
            guard.drop(
                HISTOGRAMS,
                "too_many_features",
                f"features beyond {MAX_FEATURES} a model are not counted",
                beyond,
            )
        at = [places.get(name, -1) for name in self.numbers]
        layout = _Layout(
            numbers=at,
            categories=[places.get(name, -1) for name in self.categories],
            undecided=undecided,
            in_order=at == list(range(frame.width)),
        )
        if len(self._layouts) >= _MAX_LAYOUTS:
            self._layouts.clear()
        if not beyond:
            self._layouts[names] = layout
        return layout

    @staticmethod
    def _learn(frame: Frame, position: int) -> Kind | None:
        try:
            return kind_of(frame.column(position))
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.background_fault(HISTOGRAMS, error, frame.rows)
            return "category"

    def _numbers(self, frame: Frame, layout: _Layout) -> npt.NDArray[np.float64]:
        matrix = frame.matrix
        if matrix is not None and matrix.dtype.kind in "fiub" and layout.in_order:
            return matrix.astype(np.float64, copy=False)
        found = np.empty((frame.rows, len(layout.numbers)))
        for place, position in enumerate(layout.numbers):
            found[:, place] = self._number(frame, position) if position >= 0 else np.nan
        return found

    @staticmethod
    def _number(frame: Frame, position: int) -> npt.NDArray[np.float64] | float:
        try:
            return numbers(frame.column(position))
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.background_fault(HISTOGRAMS, error, frame.rows)
            return float("inf")

    @staticmethod
    def _values(frame: Frame, position: int) -> list[object]:
        if position < 0:
            return [None] * frame.rows
        try:
            return values(frame.column(position))
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.background_fault(HISTOGRAMS, error, frame.rows)
            invalid: Any = float("inf")
            return [invalid] * frame.rows


def _present(frame: Frame, position: int) -> int:
    """Values of a column; dicts without its key have none."""
    column = frame.column(position)
    return sum(value is not None for value in column) if isinstance(column, list) else frame.rows
