"""Lines of files become the batches that any other sender's would."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from barograph.errors import ConfigError, Retryable
from barograph.semconv import attributes as names
from barograph.semconv import metrics, processor
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.config.values import Duration
from barograph_processor.engine.batch import Points, Predictions, Truths
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.files.config import Config
from barograph_processor.receivers.files.positions import decode_position
from barograph_processor.receivers.files.receiver import FileReceiver
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire.mapped import Mapped
from barograph_processor.wire.mapping import Mapping
from contract.waiting import until
from receivers.otlp_server import Counting, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from barograph_processor.receivers.files.positions import FilePosition
    from barograph_processor.wire.decode import Dialect

NOW_NS = 1_767_268_800_000_000_000


class Following(Counting):
    """A receiver without its thread, and a stand-in engine."""

    def __init__(
        self,
        folder: Path,
        known: Sequence[FilePosition] = (),
        dialects: Sequence[Dialect] = (),
        **settings: object,
    ) -> None:
        self.engine = Engine()
        self.telemetry = Telemetry(NOW_NS)
        settings.setdefault("include", (str(folder / "*"),))
        settings.setdefault("source_id", "box")
        config = msgspec.convert(settings, Config)
        streams = CumulativeStreams(self.engine, NOW_NS)
        intake = OtlpIntake(self.engine, self.telemetry, streams, dialects=dialects)
        self.receiver = FileReceiver(
            config, intake, self.telemetry, "receiver/files", known=known, pass_on=bool(dialects)
        )

    def look(self) -> None:
        while self.receiver.poll(0.0, NOW_NS):
            pass

    def predictions(self) -> Predictions:
        (found,) = [batch for batch in self.engine.batches if isinstance(batch, Predictions)]
        return found

    def truths(self) -> Truths:
        (found,) = [batch for batch in self.engine.batches if isinstance(batch, Truths)]
        return found

    def dropped(self, reason: str) -> float:
        labels = {names.ML_TELEMETRY_LANE: "files", names.ML_TELEMETRY_REASON: reason}
        return self.counted(metrics.ML_TELEMETRY_DROPPED, **labels)


def write(path: Path, *rows: object) -> None:
    with path.open("a") as file:
        file.writelines((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def test_a_printed_object_is_a_prediction_with_its_features(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit", version="3")
    write(
        tmp_path / "out.log",
        {"id": "a-1", "time": "2026-01-01T10:00:00Z", "score": 0.7, "prediction": True,
         "features": {"age": 41, "region": "north", "owner": False, "income": None},
         "segments": {"channel": "web"}},
        "Started server process [7]",
    )  # fmt: skip
    following.look()
    found = following.predictions()
    assert ("credit", "3", "box") == (found.key.model, found.key.version, found.source)
    assert ["a-1"] == list(found.ids)
    assert 1_767_261_600_000_000_000 == found.time_ns[0]
    assert ("true",) == found.classes.values
    assert 0.7 == found.score[0]
    assert ("web",) == found.segments["channel"].values
    assert found.features is not None
    columns = found.features.columns
    assert 41.0 == columns["age"].numbers[0]
    assert 0.0 == columns["owner"].numbers[0]
    assert np.isnan(columns["income"].numbers[0])
    assert columns["region"].texts is not None
    assert ("north",) == columns["region"].texts.values
    assert 1 == following.dropped("foreign")


def test_keys_of_any_name_can_be_said(tmp_path: Path) -> None:
    columns = {
        "id": "req", "time": "at", "value": "eta", "truth": "took", "model": "who",
        "segments": ["city"], "features": "*", "exclude": ["trace"],
    }  # fmt: skip
    following = Following(tmp_path, columns=columns)
    row = {"req": 7, "at": 1_767_261_600, "eta": 12.5, "who": "eta", "city": "Rome", "km": 3, "trace": "t"}
    write(tmp_path / "a.jsonl", row, {"req": 7, "who": "eta", "took": 14, "at": 1_767_265_200})
    following.look()
    found = following.predictions()
    assert ["7"] == list(found.ids)
    assert 12.5 == found.value[0]
    assert found.features is not None
    assert {"km", "city"} == set(found.features.columns)
    truth = following.truths()
    assert (["7"], 14.0) == (list(truth.ids), truth.value[0])


def test_a_container_s_log_tells_the_time_of_rows_that_tell_none(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit")
    write(tmp_path / "pod.log", '2026-01-01T10:00:00Z stdout F {"id": "a-1", "score": 0.2}')
    following.look()
    assert 1_767_261_600_000_000_000 == following.predictions().time_ns[0]
    other = Following(tmp_path, model="credit", container="none")
    other.look()
    assert 1 == other.dropped("foreign")


def test_without_any_time_it_is_the_time_of_reading(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit")
    write(tmp_path / "a.jsonl", {"id": "a-1", "score": 0.2})
    following.look()
    assert NOW_NS == following.predictions().time_ns[0]


def test_a_growing_csv_keeps_the_names_of_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    following = Following(tmp_path, model="credit", columns={"features": "*"})
    write(path, "id,score,age,region", "a-1,0.5,41,north")
    following.look()
    write(path, "a-2,0.25,,south", "a-3,0.1")
    following.look()
    first, second = (batch for batch in following.engine.batches if isinstance(batch, Predictions))
    assert (["a-1"], ["a-2"]) == (list(first.ids), list(second.ids))
    assert second.features is not None
    assert np.isnan(second.features.columns["age"].numbers[0])
    assert 1 == following.dropped("malformed")


def test_names_in_a_csv_stay_as_they_are_written(tmp_path: Path) -> None:
    """As numbers, 007 would be 7, 1e5 would be 100000, and long ones would become each other."""
    ids = ["007", "1e5", "1_0", "nan", "true", "9007199254740993", "9007199254740992"]
    write(
        tmp_path / "predictions.csv",
        "id,version,score,size,code",
        *(f"{one},1.10,0.5,1_0,{2**53 + 1}" for one in ids),
    )
    following = Following(tmp_path, model="credit", columns={"segments": ["size", "code"]})
    following.look()
    found = following.predictions()
    assert ids == list(found.ids)
    assert "1.10" == found.key.version
    assert ("1_0",) == found.segments["size"].values
    assert (str(2**53 + 1),) == found.segments["code"].values


def test_a_number_that_json_has_no_word_for_costs_no_row(tmp_path: Path) -> None:
    """Python writes NaN and Infinity all the same."""
    rows = [{"id": "a", "score": 0.5, "features": {"age": math.nan, "income": -math.inf}}]
    write(tmp_path / "0.log", *map(json.dumps, rows), '{"id": "b", "score": NaN', '{"a": NaN, b}')
    following = Following(tmp_path, model="credit")
    following.look()
    features = following.predictions().features
    assert features is not None
    assert np.isnan(features.columns["age"].numbers[0])
    assert np.isinf(features.columns["income"].numbers[0])
    assert 2 == following.dropped("malformed")


def test_otlp_lines_are_read_as_the_collector_writes_them(tmp_path: Path) -> None:
    record = {
        "eventName": "ml.inference.prediction",
        "timeUnixNano": str(NOW_NS),
        "attributes": [
            {"key": "ml.model.name", "value": {"stringValue": "credit"}},
            {"key": "ml.inference.id", "value": {"stringValue": "a-1"}},
            {"key": "ml.prediction.score", "value": {"doubleValue": 0.5}},
        ],
    }
    line = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}
    following = Following(tmp_path)
    write(tmp_path / "logs.json", line, line, '{"resourceLogs": [{"scopeLogs": 7}]}')
    following.look()
    assert ["a-1", "a-1"] == list(following.predictions().ids)
    assert 1 == following.dropped("malformed")


def test_what_the_engine_does_not_take_is_given_again_and_once(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit")
    write(tmp_path / "a.jsonl", {"id": "a-1", "score": 0.2})

    def refuse() -> None:
        raise Retryable("later")

    following.engine.before = refuse
    with pytest.raises(Retryable):
        following.look()
    write(tmp_path / "a.jsonl", {"id": "a-2", "score": 0.3})
    following.engine.before = None
    following.look()
    assert ["a-1", "a-2"] == [
        one for batch in following.engine.batches if isinstance(batch, Predictions) for one in batch.ids
    ]


def test_a_file_that_holds_much_is_read_through_without_waiting_for_the_next_look(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit", poll=Duration("1h"))
    write(
        tmp_path / "out.log",
        *({"id": f"a-{number}", "score": 0.5, "note": "x" * 500} for number in range(3_000)),
    )
    following.receiver.start()
    until(
        lambda: (
            sum(len(batch.ids) for batch in following.engine.batches if isinstance(batch, Predictions))
            == 3_000
        )
    )
    following.receiver.close()


def test_how_far_files_were_read_is_noted_with_what_was_read(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit")
    write(tmp_path / "a.jsonl", {"id": "a-1", "score": 0.2}, "nothing of ours")
    write(tmp_path / "b.jsonl", "nothing at all")
    following.look()
    noted = following.engine.noted
    assert 2 == len(noted)
    again = Following(
        tmp_path, model="credit", known=[decode_position(each) for each in noted.values() if each]
    )
    write(tmp_path / "a.jsonl", {"id": "a-2", "score": 0.3})
    again.look()
    assert ["a-2"] == list(again.predictions().ids)


def test_a_piece_of_several_lanes_is_taken_with_its_position_or_not_at_all(tmp_path: Path) -> None:
    """A crash between two requests of a piece would count the first one's items twice."""
    names_of = [{"key": "ml.model.name", "value": {"stringValue": "credit"}}]
    point = {"asInt": "7", "startTimeUnixNano": str(NOW_NS), "timeUnixNano": str(NOW_NS + 1)}
    metric = {"name": metrics.ML_INFERENCE_PREDICTIONS}
    total = {
        "aggregationTemporality": 2,
        "isMonotonic": True,
        "dataPoints": [point | {"attributes": names_of}],
    }
    delta = total | {"aggregationTemporality": 1}
    scope = {"scope": {"name": "barograph"}}
    points, sums = (
        {
            "resourceMetrics": [
                {"resource": {}, "scopeMetrics": [scope | {"metrics": [metric | {"sum": one}]}]}
            ]
        }
        for one in (delta, total)
    )
    record = {
        "eventName": "ml.inference.prediction",
        "timeUnixNano": str(NOW_NS),
        "attributes": [*names_of, {"key": "ml.prediction.score", "value": {"doubleValue": 0.5}}],
    }
    logs = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}
    following = Following(tmp_path)
    write(tmp_path / "both.json", points, logs, sums, logs)
    following.look()
    (fed,) = following.engine.fed
    batches, position = fed
    assert {Predictions, Points} == {type(batch) for batch in batches}
    assert position is not None
    (place,) = (decode_position(data) for data in position.changes.values() if data)
    assert (tmp_path / "both.json").stat().st_size == place.offset
    assert (2, 2) == (
        following.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS),
        following.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS),
    )


def test_a_piece_that_is_refused_once_is_counted_once(tmp_path: Path) -> None:
    following = Following(tmp_path, model="credit")
    write(tmp_path / "a.jsonl", {"id": "a-1", "score": 0.2}, '{"resourceLogs": [{"scopeLogs": 7}]}')
    refusals = [Retryable("later"), Retryable("later")]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    following.engine.before = refuse
    for _ in range(2):
        with pytest.raises(Retryable):
            following.look()
    following.look()
    assert 1 == len(following.engine.fed)
    assert 1 == following.dropped("malformed")
    assert 1 == following.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS)
    assert 2 == following.counted(processor.BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS)


def test_objects_of_others_go_to_mappings_as_bodies(tmp_path: Path) -> None:
    mapping = msgspec.convert(
        {"signal": "logs", "when": {"attributes": {"body.kind": "scored"}}, "model": "credit",
         "id": "body.request", "score": "body.p"},
        Mapping,
    )  # fmt: skip
    following = Following(
        tmp_path, dialects=[Mapped("scored", mapping)], columns={"id": "none", "score": "none"}
    )
    write(tmp_path / "a.jsonl", {"kind": "scored", "request": "r-1", "p": 0.4}, {"kind": "other"})
    following.look()
    assert ["r-1"] == list(following.predictions().ids)


def test_the_configuration_names_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"receivers\.files\.columns.*clas"):
        load("receivers: {files: {include: [a], columns: {clas: x}}}", catalog=Registry())
