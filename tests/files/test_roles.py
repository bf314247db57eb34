"""Columns have the roles that were asked for, else those that their names tell; what is missing is told."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from barograph.baseline import Feature, Header, Output
from barograph.errors import ConfigError
from barograph_processor.files.roles import Asked, label_roles, prediction_roles

HEADER = Header(
    model="credit",
    version="3",
    rows=1,
    features=(Feature(name="age", kind="number"), Feature(name="id_type", kind="category")),
    outputs=(Output(task="multiclass", classes=("red", "white", "rose")),),
)
LABELS = pa.schema([("applicationId", pa.string()), ("paid", pa.bool_()), ("paid_at", pa.timestamp("ns"))])


def schema(*names: str, **kinds: pa.DataType) -> pa.Schema:
    return pa.schema([*((name, pa.float64()) for name in names), *kinds.items()])


def test_names_tell_the_roles_and_every_guess_is_told() -> None:
    table = schema("applicationId", "score", "age", "id_type", "extra", decided=pa.timestamp("us"))
    roles = prediction_roles(table, Asked(), HEADER, LABELS)
    assert ("applicationId", "decided", None) == (roles.identity, roles.time, roles.prediction)
    assert ((None, "score"),) == roles.scores
    assert ("age", "id_type") == roles.features
    assert (("id", "applicationId"), ("time", "decided"), ("score", "score")) == roles.guessed
    assert () == roles.absent


def test_what_was_asked_for_goes_before_names_and_is_no_guess() -> None:
    table = schema("id", "other", "time", "when", "score", "mine", "y", "label")
    asked = Asked(identity="other", time="when", scores=((None, "mine"),), label="label", exclude=("id",))
    roles = prediction_roles(table, asked, None, None)
    assert ("other", "when", "label") == (roles.identity, roles.time, roles.label)
    assert ((None, "mine"),) == roles.scores
    assert () == roles.guessed
    assert ("time", "score", "y") == roles.features


def test_without_a_baseline_every_other_column_of_single_values_is_a_feature() -> None:
    table = schema("id", "ts", "a", listed=pa.list_(pa.float64()), blob=pa.binary())
    assert ("a",) == prediction_roles(table, Asked(), None, None).features


def test_features_that_the_baseline_has_and_the_table_lacks_are_told() -> None:
    roles = prediction_roles(schema("id", "ts", "age"), Asked(), HEADER, None)
    assert (("age",), ("id_type",)) == (roles.features, roles.absent)
    given_up = prediction_roles(schema("id", "ts", "age"), Asked(exclude=("id_type",)), HEADER, None)
    assert () == given_up.absent


def test_scores_of_every_class_are_found_by_their_prefix() -> None:
    roles = prediction_roles(schema("id", "ts", "p_red", "p_rose", "p_white"), Asked(), HEADER, None)
    assert (("red", "p_red"), ("white", "p_white"), ("rose", "p_rose")) == roles.scores


def test_a_label_in_a_table_of_its_own_is_no_feature_of_the_predictions() -> None:
    table = schema("applicationId", "ts", "score", "paid", "a")
    roles = prediction_roles(table, Asked(label="paid"), None, LABELS)
    assert (None, ("a",)) == (roles.label, roles.features)


def test_the_columns_of_labels() -> None:
    roles = label_roles(LABELS, Asked(), "applicationId")
    assert ("applicationId", "paid", "paid_at") == (roles.identity, roles.label, roles.time)
    assert (("label time", "paid_at"), ("label", "paid")) == roles.guessed


def test_ids_may_be_named_otherwise_in_the_labels() -> None:
    table = schema("request_id", "y")
    assert "request_id" == label_roles(table, Asked(), "id").identity
    assert "y" == label_roles(schema("a", "y"), Asked(label_identity="a"), "id").label


@pytest.mark.parametrize(
    ("columns", "asked", "labels", "message"),
    [
        (
            ("id", "a", "b"),
            Asked(),
            None,
            "--time: windows are made of event times, and no column is named",
        ),
        (("id", "ts"), Asked(identity="idd"), None, "--id: there is no column 'idd'; did you mean id?"),
        (("id", "ts"), Asked(segments=("region",)), None, "--segment: there is no column 'region'"),
        (("id", "ts"), Asked(scores=((None, "p"),)), None, "--score: there is no column 'p'"),
        (("id", "ts"), Asked(label="lable"), None, "--label: there is no column 'lable'"),
        (
            ("applicationId", "ts"),
            Asked(),
            LABELS,
            "--score, --prediction: labels are the truth of some",
        ),
    ],
)
def test_what_predictions_lack_is_told(
    columns: tuple[str, ...], asked: Asked, labels: pa.Schema | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        prediction_roles(schema(*columns), asked, None, labels)


def test_where_no_column_is_left_it_is_said_that_one_is_missing() -> None:
    with pytest.raises(ConfigError, match="every column is something else, so add one"):
        prediction_roles(schema("id"), Asked(identity="id"), None, None)


@pytest.mark.parametrize(
    ("columns", "asked", "identity", "message"),
    [
        (("id", "y"), Asked(), None, "--id: labels find their predictions by ids"),
        (("k", "y"), Asked(), "id", "--label-id: the labels have no column 'id', as the predictions have"),
        (
            ("id", "a", "b"),
            Asked(),
            "id",
            "--label: no column of the labels is named like a truth; name one of",
        ),
        (("id", "y"), Asked(label="z"), "id", "--label: there is no column 'z'"),
        (("id", "y"), Asked(label_time="z"), "id", "--label-time: there is no column 'z'"),
        (("id", "y"), Asked(label_identity="z"), "id", "--label-id: there is no column 'z'"),
    ],
)
def test_what_labels_lack_is_told(
    columns: tuple[str, ...], asked: Asked, identity: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        label_roles(schema(*columns), asked, identity)


def test_a_column_that_is_named_must_hold_single_values() -> None:
    table = schema("id", "ts", many=pa.list_(pa.float64()))
    with pytest.raises(ConfigError, match=r"--score: the column 'many' holds list<.*>, wanted single values"):
        prediction_roles(table, Asked(scores=((None, "many"),)), None, None)
