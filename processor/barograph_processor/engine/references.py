"""Which baseline a key is compared with: one that was given, or one learned from its first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from barograph.baseline import Baseline
from barograph_processor.engine.learning import Learning
from barograph_processor.engine.outcomes import OutputEdges
from barograph_processor.signals.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from barograph.baseline import FeatureKind, Output, Task
    from barograph_processor.engine.batch import Key
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.window_state import States


class References:
    """The baselines that were given, by model, version and output."""

    def __init__(self, baselines: Iterable[Baseline]) -> None:
        self._known: dict[tuple[str, str, str], Baseline] = {}
        self._of_models: dict[tuple[str, str], Baseline] = {}
        self.add(baselines)

    def add(self, baselines: Iterable[Baseline]) -> None:
        """Know further ones; none takes the place of one that is known."""
        # What was fitted on purpose goes before what was learned.
        for baseline in sorted(baselines, key=lambda one: one.header.learned):
            header = baseline.header
            self._of_models.setdefault((header.model, header.version), baseline)
            for output in header.outputs:
                self._known.setdefault((header.model, header.version, output.name), baseline)

    def given(self, key: Key) -> Reference | None:
        """The reference of a key; None where it has to be learned.

        Features of a model with several outputs come without the name of one, so a baseline that
        has no such output is still what they are compared with.
        """
        baseline = self._known.get((key.model, key.version, key.output))
        if baseline is None:
            of_model = self._of_models.get((key.model, key.version))
            outputs = 0 if of_model is None else len(of_model.header.outputs)
            if not outputs or (outputs > 1 and not key.output):
                baseline = of_model
        return None if baseline is None else Reference(baseline, key.output)


class KeyReference:
    """The reference of one key, or what is learned of it so far.

    Attributes:
        given: A reference from the start.
        learned: The baseline that was learned, None where it wasn't.
        from_ns: Windows that start before it are not compared with the learned baseline.
        learning: What was gathered so far; None where there is nothing to learn.
    """

    def __init__(
        self, key: Key, given: Reference | None, settings: Settings, done: Callable[[Baseline], None]
    ) -> None:
        self._key = key
        self._settings = settings
        self._done = done
        self._reference = given
        self.given = given
        self.learned: Baseline | None = None
        self.from_ns: int | None = None
        self.learning = Learning(settings) if given is None else None

    @property
    def current(self) -> Reference | None:
        """The newest reference."""
        return self._reference

    def at(self, start_ns: int) -> Reference | None:
        """What a window that starts there is compared with."""
        if self._reference is None or (self.from_ns is not None and start_ns < self.from_ns):
            return None
        return self._reference

    def edges(self, start_ns: int) -> OutputEdges | None:
        """In which buckets outcome rows of a pane that starts there are counted; None: exponential."""
        reference = self.at(start_ns)
        if reference is None or reference.output is None:
            return None
        output = reference.output
        if reference.header.learned:  # it was learned from exponential buckets, and compares those best
            return OutputEdges("", (), (), output.positive)
        return OutputEdges(
            reference.id, output.score_edges, output.value_edges, output.positive, output.value_grid
        )

    @property
    def decides(self) -> Output | None:
        """What tells the class of a row that has a score alone; None where nothing does.

        A learned baseline doesn't: rows before it had no class, and which those are must not depend
        on the order in which rows came.
        """
        return self.given.output if self.given is not None and self.fitted else None

    def kinds(self, start_ns: int) -> dict[str, FeatureKind]:
        """The kinds of the features that windows which start there are compared by."""
        reference = self.at(start_ns)
        return {} if reference is None else {one.name: one.kind for one in reference.header.features}

    def learn(self, parts: Iterable[States], start_ns: int, end_ns: int) -> None:
        """Learn from a pane that was folded.

        Panes are folded in order, so what is learned depends on the data alone. The baseline is used
        for windows that start when it was complete, or later.
        """
        if self.learning is None:
            return
        self.learning.add(parts, start_ns, end_ns)
        if self.learning.rows >= max(self._settings.learn_rows, 1):
            task = self._settings.tasks.get(self._key.model)
            baseline = Baseline(self.learning.baseline(self._key, cast("Task | None", task)))
            self.adopt(baseline, self.learning.end_ns)
            self._done(baseline)

    @property
    def fitted(self) -> bool:
        """Whether it was given on purpose, rather than learned by an earlier run."""
        return self.given is not None and not self.given.header.learned

    def unlearn(self) -> Learning:
        """Begin to learn anew, whatever was given."""
        self.given = self._reference = None
        self.learning = Learning(self._settings)
        return self.learning

    def adopt(self, baseline: Baseline, from_ns: int | None) -> None:
        """Use a baseline that was learned."""
        self.learned = baseline
        self.from_ns = from_ns
        self.learning = None
        self._reference = Reference(baseline, self._key.output)
