"""Mappings and dialects from the configuration to the receiver, and those of other packages."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from barograph.errors import ConfigError
from barograph_processor.components.dialects import Guarded, check_batch, open_dialects
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.batch import Points, Predictions, Texts, Truths
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire.decode import DecodeContext
from wire.foreign_requests import LOG, ONE, SPAN, only, spans

from .packages import write_package

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from barograph_processor.config.model import Config
    from barograph_processor.wire.decode import Dialect
    from barograph_processor.wire.foreign import Foreign
    from barograph_processor.wire.refusals import Refusals

MAPPING = """
mappings:
  - signal: spans
    when: {name: POST /predict}
    model: credit
    version: {attribute: app.model.version}
    id: app.request_id
    class: app.answer
    score: app.score
    features: app.features.*
    segments: {region: app.region}
"""
ACME = '''
import msgspec
import numpy as np
import pyarrow.compute as pc

from barograph_processor.components.api import dialect
from barograph_processor.wire.mapped import read
from barograph_processor.wire.mapping import Mapping, When


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Acme's spans are taken.

    Attributes:
        model: Name of the model.
    """

    model: str = "acme"


class Acme:
    name = "acme"

    def __init__(self, config):
        self.mapping = Mapping(signal="spans", when=When(), model=config.model, score="app.score")

    def claims(self, records):
        return pc.equal(records.names, "POST /predict").to_numpy(zero_copy_only=False)

    def read(self, records, rows, context, verdicts):
        return read(self.mapping, records, rows, context, verdicts)


ACME = dialect("acme", Config, Acme, summary="Spans of Acme.", stability="alpha")
'''


def configured(text: str) -> Config:
    return load(text, catalog=Registry.installed(), environ={})


def dialects(text: str) -> Sequence[Dialect]:
    with ExitStack() as stack:
        return open_dialects(stack, configured(text), Registry.installed(), Telemetry())


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        configured(text)
    return [line.removeprefix("configuration: ") for line in str(caught.value).splitlines()]


def test_bentoml_is_known_unless_the_configuration_says_otherwise() -> None:
    assert ["bentoml"] == [each.name for each in dialects("")]
    assert () == dialects("dialects: {}")


def test_mappings_go_before_dialects_in_their_order() -> None:
    text = MAPPING + "  - {signal: logs, when: {name: scored}, model: m, score: score}"
    assert ["mappings[0]", "mappings[1]", "bentoml"] == [each.name for each in dialects(text)]


def test_a_mapping_that_is_written_is_the_one_that_reads() -> None:
    batch = only(spans(ONE, how=DecodeContext(dialects=dialects(MAPPING))))
    assert ("credit", "3", ["a-1"]) == (batch.key.model, batch.key.version, batch.ids)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"clas": "x"}, "$.mappings[0].clas: unknown key; did you mean class?"),
        ({"when": {"nmae": "x"}}, "$.mappings[0].when.nmae: unknown key; did you mean name?"),
        (
            {"signal": "span"},
            "$.mappings[0].signal: found 'span', wanted one of spans, logs; did you mean spans?",
        ),
        ({"model": None}, "$.mappings[0].model: found nothing, wanted "),
        ({"model": ""}, "$.mappings[0].model: found nothing, wanted the model's name, or {attribute: …}"),
        ({"model": {"atribute": "x"}}, "$.mappings[0].model.atribute: unknown key; did you mean attribute?"),
        (
            {"when": {}},
            "$.mappings[0].when: found nothing, wanted at least one of name, scope, service, attributes",
        ),
        (
            {"time": "middle"},
            "$.mappings[0].time: found 'middle', wanted start, end or {attribute: …, unit: s}",
        ),
        (
            {"time": {"attribute": "x", "unit": "min"}},
            "$.mappings[0].time.unit: found 'min', wanted one of s, ms",
        ),
        (
            {"score": "app.*"},
            "$.mappings[0].score: found 'app.*', wanted one attribute; * goes with features",
        ),
        ({"features": "app.*.x"}, "$.mappings[0].features: found 'app.*.x', wanted * at the end of a prefix"),
        ({"features": "*"}, "$.mappings[0].features: found '*', wanted * at the end of a prefix"),
        ({"features": []}, "$.mappings[0].features: found an empty list, wanted at least one place"),
        ({"features": ["a", "a"]}, "$.mappings[0].features: a place is there twice"),
        ({"features": ["a", "b.*"]}, "$.mappings[0].features.b.*: found 'b.*', wanted one attribute"),
        (
            {"features": ["a", "body.b"]},
            "$.mappings[0].features.body.b: found 'body.b', but spans have no body",
        ),
        ({"id": "body.id"}, "$.mappings[0].id: found 'body.id', but spans have no body"),
        ({"id": ""}, "$.mappings[0].id: found nothing, wanted the name of an attribute"),
        (
            {"id": None, "truth": "t", "class": None, "score": None},
            "$.mappings[0].truth: nothing to join it to",
        ),
    ],
)
def test_what_a_mapping_can_not_say_is_told_with_its_path(changed: dict[str, Any], told: str) -> None:
    import yaml  # noqa: PLC0415  # to write what a user would

    found = problems(yaml.safe_dump({"mappings": [{**SPAN, **changed}]}))
    assert any(line.startswith(told) for line in found), found


def test_a_mapping_of_nothing_and_one_that_is_split_are_told() -> None:
    import yaml  # noqa: PLC0415  # as above

    bare = {key: LOG[key] for key in ("signal", "when", "model")}
    (line,) = problems(yaml.safe_dump({"mappings": [bare]}))
    assert line.startswith(
        "$.mappings[0]: no part of a prediction is mapped, wanted at least one of class, score"
    )
    (line,) = problems(yaml.safe_dump({"mappings": [{**LOG, "features": ["a", "body.b"]}]}))
    assert "$.mappings[0].features: some places are in the body and some aren't; wanted all in one" == line
    (line,) = problems(yaml.safe_dump({"mappings": [{**LOG, "time": "start"}]}))
    assert "$.mappings[0].time: found 'start', wanted {attribute: …, unit: s}" == line


def test_a_dialect_that_is_not_there_names_the_nearest() -> None:
    assert ["$.dialects.bentolm: found 'bentolm', which is no dialect; did you mean bentoml?"] == problems(
        "dialects: {bentolm: }"
    )
    assert ["$.dialects.bentoml.scores: unknown key; did you mean score?"] == problems(
        "dialects: {bentoml: {scores: x}}"
    )


def test_another_package_adds_a_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    write_package(tmp_path, "acme-spans", ACME, {"barograph_dialect": {"acme": "acme_spans:ACME"}})
    how = DecodeContext(dialects=dialects("dialects: {acme: {model: churn}}"))
    batch = only(spans(ONE, how=how))
    assert ("churn", [0.75]) == (batch.key.model, batch.score.tolist())


class Broken:
    """A dialect of others."""

    name = "broken"

    def __init__(self, gives: Any) -> None:
        self.gives = gives

    def claims(self, records: Foreign) -> NDArray[np.bool_]:
        if self.gives == "claims":
            raise ZeroDivisionError
        return np.ones(len(records), bool)

    def read(
        self, records: Foreign, rows: NDArray[np.int64], context: DecodeContext, verdicts: Refusals
    ) -> Any:
        if self.gives == "read":
            raise ZeroDivisionError
        return self.gives


def short(batch: Predictions) -> Predictions:
    return Predictions(**{name: getattr(batch, name) for name in batch.__slots__} | {"ids": ["a", "b"]})


def test_a_dialect_that_fails_costs_its_own_records_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    how = DecodeContext(dialects=[Guarded("broken", Broken("read"))])
    with caplog.at_level(logging.ERROR):
        assert {"dialect_failed": 2} == spans(ONE, ONE, how=how).rejected
        assert {"dialect_failed": 1} == spans(ONE, how=how).rejected
    assert 1 == caplog.text.count("the dialect broken failed")
    assert "ZeroDivisionError" in caplog.text


def test_a_dialect_that_can_not_say_what_it_claims_claims_nothing(caplog: pytest.LogCaptureFixture) -> None:
    how = DecodeContext(dialects=[Guarded("broken", Broken("claims")), *dialects(MAPPING)])
    assert ["a-1"] == only(spans(ONE, how=how)).ids
    assert "the dialect broken failed" in caplog.text


def test_batches_that_the_engine_could_not_take_are_refused() -> None:
    good = only(spans(ONE, how=DecodeContext(dialects=dialects(MAPPING))))
    check_batch(good, "default")
    truth = Truths("default", "m", None, "", ["a"], good.time_ns, good.classes, good.value, pair=good)
    check_batch(truth, "default")
    for batch, tenant, error in (
        (Points([]), "default", "wanted Predictions or Truths"),
        (good, "other", "of the tenant 'default', wanted 'other'"),
        (short(good), "default", "1 times, but {'ids': 2}"),
        (Truths("default", "m", None, "", [], good.time_ns, good.classes, good.value), "default", "'ids': 0"),
        (
            Truths(
                "default", "m", None, "", ["a"], good.time_ns, Texts(good.classes.codes[:0], ()), good.value
            ),
            "default",
            "'classes': 0",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=error):
            check_batch(batch, tenant)
        how = DecodeContext(tenant=tenant, dialects=[Guarded("broken", Broken([batch]))])
        assert {"dialect_failed": 1} == spans(ONE, how=how).rejected
