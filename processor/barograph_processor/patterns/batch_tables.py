"""The tables of a batch: whose they are, what their columns are, and what they are compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from barograph.errors import ConfigError
from barograph.semconv import attributes
from barograph_processor.config.resolve import settings_for
from barograph_processor.config.words import nearest
from barograph_processor.files.answers import AnswerColumns, looks_like_regression
from barograph_processor.files.labels import LabelTable
from barograph_processor.files.roles import label_roles, prediction_roles
from barograph_processor.files.row_files import open_rows
from barograph_processor.files.rows import PredictionTable
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.identity import DEFAULT_VERSION, Owner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from barograph.baseline import Baseline, Header, Output, Task
    from barograph_processor.config.model import Config
    from barograph_processor.files.roles import Asked, LabelRoles, PredictionRoles
    from barograph_processor.files.row_files import RowFile

SOURCE = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be read.

    Attributes:
        predictions: Files of predictions, at least one, each once.
        labels: Files of labels, each once.
        asked: What the user said of columns.
        model: Model name; None: the one that the configuration or the baseline names.
        version: Model version; None: the baseline's.
        task: What is predicted; None: what the baseline, the configuration or the rows say.
        namespace: ``service.namespace`` of the readings.
        environment: ``deployment.environment.name`` of the readings.
    """

    predictions: Sequence[Path]
    labels: Sequence[Path]
    asked: Asked
    model: str | None = None
    version: str | None = None
    task: Task | None = None
    namespace: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables that can be read, and what was made of the request.

    Attributes:
        owner: Whose predictions they are.
        baseline: What they are compared with; None: learned from the first rows.
        task: What is predicted; None: the engine finds out.
        predictions: Tables of predictions.
        labels: Tables of labels.
    """

    owner: Owner
    baseline: Baseline | None
    task: Task | None
    predictions: Sequence[PredictionTable]
    labels: Sequence[LabelTable]

    @property
    def dated_labels(self) -> bool:
        """Whether it is known when labels were observed."""
        return any(table.roles.time is not None for table in self.labels) or any(
            table.roles.label_time is not None for table in self.predictions
        )


def open_tables(
    request: Request, config: Config, baselines: Sequence[Baseline], *, alone: bool = True
) -> Tables:
    """Open tables and see that columns, files and baseline fit together.

    Args:
        request: What is to be read; every file a table.
        config: Windows, segments, tasks and limits.
        baselines: Those that the configuration names.
        alone: Whether the tables are all there is; predictions may also be telemetry.

    Raises:
        ConfigError: They don't fit, or a file can't be read.
    """
    owner = _owner(request, config, baselines)
    baseline = next((one for one in baselines if _is_of(one.header, owner)), None)
    header = None if baseline is None else baseline.header
    output = header.outputs[0] if header is not None and header.outputs else None
    asked = request.asked
    if not asked.segments:
        asked = replace(asked, segments=settings_for(config, owner.model).segments)
    files = _prediction_files(request, asked, header)
    task = _task(request, config, owner.model, output)
    if task is None and files:
        task = _task_of_rows(*files[0])
    predictions = [
        PredictionTable(
            file,
            roles,
            AnswerColumns(prediction=roles.prediction, scores=roles.scores, task=task),
            owner,
            DecodeContext(limits=config.limits.decoding),
        )
        for file, roles in files
    ]
    identity = files[0][1].identity if files and alone else asked.identity or attributes.ML_INFERENCE_ID
    labels = [
        LabelTable(*_label_file(path, request.asked, identity), task, config.limits.decoding)
        for path in request.labels
    ]
    return Tables(owner, baseline, task, predictions, labels)


def _prediction_files(
    request: Request, asked: Asked, header: Header | None
) -> list[tuple[RowFile, PredictionRoles]]:
    label_schemas = [open_rows(path).schema for path in request.labels[:1]]
    files: list[tuple[RowFile, PredictionRoles]] = []
    for path in request.predictions:
        schema = open_rows(path).schema
        try:
            roles = prediction_roles(schema, asked, header, label_schemas[0] if label_schemas else None)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        files.append((open_rows(path, texts=() if roles.identity is None else (roles.identity,)), roles))
        asked = replace(  # what the first table's names tell holds for all
            asked,
            identity=roles.identity,
            time=roles.time,
            prediction=roles.prediction,
            scores=roles.scores,
            label=asked.label if label_schemas else roles.label,
        )
    return files


def _label_file(path: Path, asked: Asked, identity: str | None) -> tuple[RowFile, LabelRoles]:
    try:
        roles = label_roles(open_rows(path).schema, asked, identity)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return open_rows(path, texts=(roles.identity,)), roles


def _owner(request: Request, config: Config, baselines: Sequence[Baseline]) -> Owner:
    known = sorted({*config.models, *(one.header.model for one in baselines)})
    model = request.model
    if model is None:
        if len(known) != 1:
            found = f"there are {', '.join(known)}" if known else "no baseline and no configuration says it"
            raise ConfigError(f"--model: say whose predictions they are; {found}")
        model = known[0]
    elif known and model not in known:
        raise ConfigError(
            f"--model: there is neither a baseline nor a configuration of {model!r}{nearest(model, known)}"
        )
    versions = sorted(one.header.version for one in baselines if one.header.model == model)
    version = request.version
    if version is None:
        if len(versions) > 1:
            raise ConfigError(
                f"--version: there are baselines of the versions {', '.join(versions)}; choose one"
            )
        version = versions[0] if versions else DEFAULT_VERSION
    return Owner(request.namespace, request.environment, model, version, "", SOURCE)


def _is_of(header: Header, owner: Owner) -> bool:
    return (header.model, header.version) == (owner.model, owner.version)


def _task(request: Request, config: Config, model: str, output: Output | None) -> Task | None:
    if output is not None:
        if request.task is not None and request.task != output.task:
            raise ConfigError(f"--task: found {request.task}, but the baseline was fitted for {output.task}")
        return output.task
    named = config.models.get(model)
    return request.task or (None if named is None else named.task)


def _task_of_rows(file: RowFile, roles: PredictionRoles) -> Task | None:
    """Without a baseline the first rows tell whether predictions are numbers."""
    if roles.prediction is None or roles.scores:
        return None
    for batch in file.batches([roles.prediction]):
        if looks_like_regression(batch.column(0), is_typed=file.is_typed):
            return "regression"
        break
    return None
