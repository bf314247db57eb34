"""What a configuration file may say. Every key has a default; unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from barograph_processor.config.forward import Forward  # noqa: TC001  # msgspec looks at annotations
from barograph_processor.config.limits import Count, Limits
from barograph_processor.config.values import Duration, Secret, WindowName
from barograph_processor.wire.mapping import Mapping  # noqa: TC001  # likewise

Task = Literal["binary", "multiclass", "regression"]


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ground truth.

    Attributes:
        within: How long after a window's end its truth may still arrive.
    """

    within: Duration = Duration("30d")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the columns of tables are, for `barograph batch`; what is absent is guessed by name.

    Attributes:
        id: Ids of predictions, in both tables.
        time: Event time.
        prediction: Predicted class or number.
        score: Probability of the positive class, or a mapping of class to column.
        label: Truth.
        label_id: Ids in the table of labels, where they are named otherwise there.
        label_time: When the truth was observed.
        exclude: Columns that are nothing.
    """

    id: str | None = None
    time: str | None = None
    prediction: str | None = None
    score: str | dict[str, str] | None = None
    label: str | None = None
    label_id: str | None = None
    label_time: str | None = None
    exclude: tuple[str, ...] = ()


class FeatureSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the values of one feature have to be, whatever is usual.

    Attributes:
        type: ``number`` or ``category``; booleans are the numbers 0 and 1. Absent: what the other keys
            say, or either.
        min: The least number allowed.
        max: The greatest number allowed.
        required: Whether a row must have a value.
        values: The categories allowed.
        tolerance: Share of a window's rows that may break a rule before its status is ``warning``.
    """

    type: Literal["number", "category"] | None = None
    min: float | None = None
    max: float | None = None
    required: bool = False
    values: tuple[str, ...] | None = None
    tolerance: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0

    @property
    def kind(self) -> Literal["number", "category"] | None:
        """The type, stated or implied."""
        if self.type is None and (self.min is not None or self.max is not None):
            return "number"
        return "category" if self.type is None and self.values is not None else self.type


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model; what is absent is taken from the top of the file.

    Attributes:
        task: What is predicted; by default what the baseline or the telemetry says.
        baseline: A baseline file or a list of them, one for each version.
        windows: Windows that readings are made for.
        labels: Ground truth.
        segments: Columns that performance is also computed for.
        schema: Feature to what its values have to be.
        columns: What the columns of tables are, for `barograph batch`.
    """

    task: Task | None = None
    baseline: str | tuple[str, ...] = ()
    windows: tuple[WindowName, ...] | None = None
    labels: Labels | None = None
    segments: tuple[str, ...] | None = None
    schema: dict[str, FeatureSchema] = {}
    columns: Columns = Columns()

    @property
    def baselines(self) -> tuple[str, ...]:
        """The baseline files, as a tuple."""
        return (self.baseline,) if isinstance(self.baseline, str) else self.baseline


class Categories(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How categories of rows are named; sources name those of their histograms themselves.

    Attributes:
        clear: Features whose values outside the baseline's vocabulary are counted by name, as sources' by
            ``BAROGRAPH_CLEAR``; ``*`` for all. Others are counted by keyed hash.
        hash_key: Key of the hashes: the sources' ``BAROGRAPH_HASH_KEY``. Without, it is made of the
            model's name, as in sources.
    """

    clear: tuple[str, ...] = ()
    hash_key: Secret | None = None


class Engine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times of the engine.

    Attributes:
        pane: Smallest slice of event time; the same in every source.
        lateness: Event time that a window waits for stragglers.
        ttl: Event time after a pane's end in which late data still revises its windows.
        idle: Wall time after which a silent source no longer holds windows open.
        future_skew: Event times further ahead of the clock than this are clamped and counted.
        learn_rows: Rows that a baseline is learned from where none is given.
    """

    pane: Duration = Duration("1m")
    lateness: Duration = Duration("2m")
    ttl: Duration = Duration("2d")
    idle: Duration = Duration("2m")
    future_skew: Duration = Duration("1h")
    learn_rows: Count = 10_000


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where state is kept.

    Attributes:
        directory: Folder for pending labels, learned baselines and the state kept over a restart;
            without one all of that lives in memory and ends with the process.
        durability: ``memory``: telemetry is acknowledged once it is in memory. ``disk``: once it is in a
            journal in the directory, so that nothing acknowledged is lost when the process is killed.
        sync: ``always``: the journal is on the disk itself before telemetry is acknowledged, so that
            nothing is lost with the machine's power either; requests that wait together share a sync.
            ``interval``: at most what came within `sync_every` is lost then.
        sync_every: Time between syncs with ``sync: interval``.
        checkpoint_every: A checkpoint is made so often, as long as anything comes; a restart takes up
            the newest and what the journal holds since.
        journal_bytes: A checkpoint is made earlier when the journal is larger than this; at twice this
            size, when none can be made, nothing more is taken.
        pending_bytes: Room for predictions and labels that wait for each other; the oldest leave first.
    """

    directory: str | None = None
    durability: Literal["memory", "disk"] = "memory"
    sync: Literal["always", "interval"] = "always"
    sync_every: Duration = Duration("1s")
    checkpoint_every: Duration = Duration("5m")
    journal_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 268_435_456
    pending_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 1_073_741_824


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When results go out.

    Attributes:
        interval: Current readings are repeated this often.
        grace: Time beyond one window length that a reading is repeated when no newer window closes.
        queue: Windows that wait for one exporter; intake pauses when half of it is full, the oldest are
            dropped and counted when all of it is.
        retry_for: Windows that could not be sent for so long are dropped and counted.
    """

    interval: Duration = Duration("10s")
    grace: Duration = Duration("5m")
    queue: Count = 10_000
    retry_for: Duration = Duration("5m")


class Plugins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What other packages add.

    Attributes:
        exclude: What is left out though it is installed: names of packages, or ``kind/name`` as
            ``barograph components`` lists them.
    """

    exclude: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        receivers: Component id (``type`` or ``type/name``) to its settings.
        exporters: Component id to its settings.
        mappings: Spans and log records of others that are predictions or ground truth.
        dialects: Component id to its settings: shapes of others' telemetry that are known by name.
        models: Model name to its settings.
        windows: Windows of models that say nothing else.
        labels: Ground truth of models that say nothing else.
        segments: Segment columns of models that say nothing else.
        categories: How categories of rows are named.
        baselines: Further baseline files; each names its model and version itself.
        engine: Times.
        limits: What is held and taken at most.
        export: When results go out.
        storage: Where state is kept.
        stores: A store of another package for predictions and labels that wait for each other, in place of
            memory or the storage directory: its name to its settings.
        forward: Makes an edge, which counts rows and passes everything on instead of making windows.
        plugins: What other packages add.
    """

    receivers: dict[str, msgspec.Struct] = {}
    exporters: dict[str, msgspec.Struct] = {}
    mappings: tuple[Mapping, ...] = ()
    dialects: dict[str, msgspec.Struct] = {}
    stores: dict[str, msgspec.Struct] = {}
    models: dict[str, Model] = {}
    windows: tuple[WindowName, ...] = (WindowName("1h"), WindowName("1d"))
    labels: Labels = Labels()
    segments: tuple[str, ...] = ()
    categories: Categories = Categories()
    baselines: tuple[str, ...] = ()
    engine: Engine = Engine()
    limits: Limits = Limits()
    export: Export = Export()
    storage: Storage = Storage()
    forward: Forward | msgspec.UnsetType = msgspec.UNSET
    plugins: Plugins = Plugins()
