"""Configuration files: what they mean, and what is said when they can't be meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
import pytest

from barograph.errors import ConfigError
from barograph.redact import Redactor
from barograph_processor.config.load import load, load_file
from barograph_processor.config.resolve import resolved, settings_for
from barograph_processor.config.values import Duration, Secret, WindowName
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window
from barograph_processor.signals.schema_rule import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.config.model import Config


class Listener(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    endpoint: str = "127.0.0.1:4317"


class Other(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    endpoint: str = "127.0.0.1:4318"


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    grpc: Listener = Listener()


class Either(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    only_if_written: ClassVar[tuple[str, ...]] = ("grpc", "http")
    grpc: Listener | msgspec.UnsetType = Listener()
    http: Other | msgspec.UnsetType = Other()


class Scrape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    endpoint: str = "127.0.0.1:9464"


class Push(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    endpoint: str = "backend:4317"
    headers: dict[str, Secret] = {}
    port: int = 1
    share: float = 0.5
    gzip: bool = False

    def targets(self, environ: Mapping[str, str]) -> Sequence[str]:
        return [environ.get("ENDPOINT", self.endpoint)]


class Silent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Components:
    """A catalog of a few components."""

    _known: ClassVar[dict[tuple[str, str], type[msgspec.Struct]]] = {
        ("receiver", "otlp"): Receiver,
        ("receiver", "either"): Either,
        ("exporter", "prometheus"): Scrape,
        ("exporter", "otlp"): Push,
        ("exporter", "console"): Silent,
        ("dialect", "bentoml"): Silent,
        ("store", "disk"): Silent,
        ("store", "shelf"): Silent,
    }

    def without(self, excluded: Sequence[str]) -> Components:
        return self

    def names(self, kind: str) -> Sequence[str]:
        return [name for each, name in self._known if each == kind]

    def config_type(self, kind: str, name: str) -> type[msgspec.Struct]:
        return self._known[kind, name]


def read(text: str, **environ: str) -> Config:
    return load(text, catalog=Components(), folder=Path("/etc/barograph"), environ=environ)


def problems(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return [line.removeprefix("configuration: ") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "models:\nengine:\nexport:\n"])
def test_an_empty_file_is_the_default_configuration(text: str) -> None:
    config = read(text)
    assert {"otlp": Receiver()} == config.receivers
    assert {"prometheus": Scrape(), "console": Silent()} == config.exporters
    assert (Window("1h", HOUR_NS), Window("1d", DAY_NS)) == settings_for(config, None).windows


def test_the_file_of_the_documentation_is_understood() -> None:
    config = read(
        """
        receivers:
          otlp: {grpc: {endpoint: 0.0.0.0:4317}}
        models:
          credit:
            task: binary
            baseline: credit-3.baseline
            windows: [1h, 1d, month]
            labels: {within: 10d}
            segments: [region, channel]
        exporters:
          otlp: {endpoint: collector:4317}
          otlp/second: {endpoint: other:4317}
          prometheus: {endpoint: 127.0.0.1:9464}
        storage: {directory: /var/lib/barograph, durability: memory}
        engine: {pane: 5m}
        limits: {keys: 7, pane_rows: 9, request: {classes: 3}, cumulative_streams: 5}
        """
    )
    settings = settings_for(config, "credit")
    assert (Window("1h", HOUR_NS), Window("1d", DAY_NS), Window("month", 0)) == settings.windows
    assert ["1h", "1d", "7d", "all"] == [horizon.name for horizon in settings.horizons]
    assert 10 * DAY_NS == settings.horizons[-1].length_ns
    assert ("region", "channel") == settings.segments
    assert {"credit": "binary"} == settings.tasks
    assert 5 * MINUTE_NS == settings.pane_ns
    assert 7 == settings.max_keys
    assert ("/etc/barograph/credit-3.baseline",) == config.models["credit"].baselines
    assert ["otlp", "otlp/second", "prometheus"] == list(config.exporters)
    assert (Window("1h", HOUR_NS), Window("1d", DAY_NS)) == settings_for(config, "another").windows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Either()),
        ("{}", Either()),
        ("{grpc: }", Either(http=msgspec.UNSET)),
        ("{http: {}}", Either(grpc=msgspec.UNSET)),
        ("{http: , grpc: }", Either()),
        ("{http: {endpoint: a:1}}", Either(grpc=msgspec.UNSET, http=Other(endpoint="a:1"))),
    ],
)
def test_what_is_written_is_on_and_with_nothing_everything(text: str, expected: Either) -> None:
    assert expected == read(f"receivers: {{either: {text}}}").receivers["either"]


def test_a_part_that_is_off_listens_nowhere() -> None:
    config = read("receivers: {either: {http: }, either/2: {grpc: }}")
    assert ["either", "either/2"] == list(config.receivers)
    assert [
        (
            "$.receivers.either/2.grpc.endpoint: found 127.0.0.1:4317, where "
            "$.receivers.either.grpc.endpoint listens already; choose another port"
        )
    ] == problems("receivers: {either: {grpc: }, either/2: {grpc: }}")


def test_horizons_end_where_labels_may_no_longer_come() -> None:
    assert [
        ("1h", HOUR_NS),
        ("all", DAY_NS),
    ] == list(settings_for(read("labels: {within: 1d}"), None).horizons)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("modles: {}", "$.modles: unknown key; did you mean models?"),
        ("models: {credit: {windows: [1h, 1y]}}",
         "$.models.credit.windows[1]: found '1y', wanted a window such as 5m, 1h, 1d or month"),
        ("models: {credit: {windows: [1h, 90]}}",
         "$.models.credit.windows[1]: found 90, wanted a window such as 5m, 1h, 1d or month"),
        ("models: {credit: {windows: 1d}}",
         "$.models.credit.windows: found '1d', wanted a list such as [a, b]"),
        ("models: {credit: {task: bynary}}",
         ("$.models.credit.task: found 'bynary', wanted one of binary, multiclass, regression; "
         "did you mean binary?")),
        ("models: {credit: {lables: {within: 1d}}}",
         "$.models.credit.lables: unknown key; did you mean labels?"),
        ("models: {credit: {segments: [no]}}",
         "$.models.credit.segments[0]: found false (true or false; quote it if text is meant), wanted text"),
        ("models: [credit]", "$.models: found a list, wanted a mapping of keys"),
        ("stores: {shelve: {}}", "$.stores.shelve: found 'shelve', which is no store; did you mean shelf?"),
        ("stores: {shelf: , shelf/2: }", "$.stores: found shelf, shelf/2, wanted one at most"),
        ("stores: {disk: }", "$.stores.disk: it is chosen by $.storage.directory; leave it out"),
        (
            "{stores: {shelf: }, storage: {directory: /d, durability: disk}}",
            (
                "$.stores.shelf: found durability disk, wanted memory: checkpoints hold what our own stores "
                "hold, not what another package's does"
            ),
        ),
        ("limits: {keys: 0}", "$.limits.keys: found 0, wanted int >= 1"),
        ("limits: {keys: many}", "$.limits.keys: found 'many', wanted a whole number"),
        ("engine: {pane: 7m}", "$.engine.pane: found 7m, wanted a divisor of a day such as 1m, 5m or 1h"),
        ("engine: {pane: 1h}\nwindows: [30m]",
         "$.windows[0]: found 30m, wanted a multiple of the pane ($.engine.pane is 1h)"),
        ("windows: [1d, 1d]", "$.windows[1]: found 1d, which is in the list already"),
        ("windows: []", "$.windows: found an empty list, wanted at least one window such as 1d"),
        ("exporters: {promethius: {}}", ("$.exporters.promethius: found 'promethius', which is no exporter; "
         "did you mean prometheus?")),
        ("exporters: {otlp: {headers: {key: 1}}}", "$.exporters.otlp.headers.key: found 1, wanted text"),
        ("exporters: {otlp: {share: x}}", "$.exporters.otlp.share: found 'x', wanted a number"),
        ("exporters: {otlp: {endpoint: 'localhost:4317'}}",
         ("$.exporters.otlp: sends to localhost:4317, which is our own listener "
         "($.receivers.otlp.grpc.endpoint), so that results would come back as input; set endpoint to the "
         "Collector or backend that shall get them")),
        ("forward: {interval: 1s}", "$.forward: the key endpoint is missing"),
        ("forward: {endpoint: 'owner:4317', interval: 0s}",
         "$.forward.interval: found 0s, wanted more than nothing"),
        ("forward: {endpoint: 'localhost:4317'}",
         ("$.forward: sends to localhost:4317, which is our own listener "
         "($.receivers.otlp.grpc.endpoint), so that results would come back as input; set endpoint to the "
         "Collector or backend that shall get them")),
        ("exporters: {prometheus: {endpoint: 'localhost:4317'}}",
         ("$.exporters.prometheus.endpoint: found localhost:4317, where $.receivers.otlp.grpc.endpoint "
         "listens already; choose another port")),
        ("exporters: {prometheus: {endpoint: somewhere}}",
         "$.exporters.prometheus.endpoint: found 'somewhere', wanted host:port such as 127.0.0.1:4317"),
        ("models: {credit: {baseline: 's3://models/3.baseline'}}",
         ("$.models.credit.baseline: found 's3://models/3.baseline', wanted the path of a local file; "
         "copy the object there first")),
        ("export: {interval: 0s}", "$.export.interval: found 0s, wanted more than nothing"),
        ("labels: {within: 100000d}", "$.labels.within: found 100000d, wanted 36525d at most"),
        ("engine: {ttl: 1m}",
         "$.engine.ttl: found 1m, wanted at least the lateness (2m): data is late only after it"),
        ("models: {a: {}, a: {}}", "configuration, line 1, column 17: the key 'a' is there twice"),
        ("models: {credit: {task: '${env:TASK}'}}",
         ("$.models.credit.task: the environment variable TASK is not set; "
         "set it, or write ${env:TASK:-default}")),
        ("models: {credit: {task: '${TASK}'}}",
         "$.models.credit.task: found ${TASK}, wanted ${env:NAME} or ${env:NAME:-default}"),
        ("- a", "$: found a list, wanted a mapping of keys"),
        ("models: {credit: {schema: {age: {min: 3, max: 1}}}}",
         "$.models.credit.schema.age.max: found 1, wanted at least the min (3)"),
        ("models: {credit: {schema: {age: {min: .nan}}}}",
         ("$.models.credit.schema.age: found a bound that is not finite, wanted a number; "
         "leave out what has no bound")),
        ("models: {credit: {schema: {town: {type: category, min: 3}}}}",
         ("$.models.credit.schema.town: found min or max, wanted neither: categories have no order; "
         "list them as values")),
        ("models: {credit: {schema: {age: {type: number, values: [a]}}}}",
         ("$.models.credit.schema.age.values: found values of a number, wanted min and max, "
         "or type: category")),
        ("models: {credit: {schema: {town: {values: []}}}}",
         "$.models.credit.schema.town.values: found an empty list, wanted at least one category"),
    ],
)  # fmt: skip
def test_a_problem_is_one_line_with_path_found_wanted_and_the_nearest_word(text: str, expected: str) -> None:
    assert [expected] == problems(text)


def test_disk_durability_without_a_directory_is_refused_with_what_to_do() -> None:
    (line,) = problems("storage: {durability: disk}")
    assert line.startswith("$.storage.directory: found nothing, wanted a local folder")
    assert "storage.directory" in line


def test_every_problem_is_told_at_once() -> None:
    assert 3 == len(problems("models: {a: {windows: [x]}, b: {task: y}}\nengine: {pain: 1m}"))


def test_text_that_is_no_yaml_names_line_and_column() -> None:
    (line,) = problems("models: {")
    assert "line 1, column 10" in line


def test_references_are_filled_in_after_parsing_and_typed_by_the_setting() -> None:
    config = read(
        "exporters: {otlp: {endpoint: '${env:HOST}:${env:PORT:-4317}', port: '${env:N}', gzip: '${env:ZIP}', "
        "headers: {authorization: 'Bearer ${env:TOKEN}', price: '5$$'}}}",
        HOST="far", N="7", ZIP="true", TOKEN="a: b",
    )  # fmt: skip
    expected = Push(
        endpoint="far:4317",
        port=7,
        gzip=True,
        headers={"authorization": Secret("Bearer a: b"), "price": Secret("5$")},
    )
    assert expected == config.exporters["otlp"]


def test_an_endpoint_of_the_environment_is_checked_for_loops_too() -> None:
    (line,) = problems("exporters: {otlp: {}}", ENDPOINT="http://127.0.0.1:4317")
    assert "our own listener" in line


def test_categories_of_rows_are_named_as_their_sources_name_them() -> None:
    config = read("categories: {clear: [region, channel], hash_key: sesame}")
    settings = settings_for(config, None)
    assert (frozenset({"region", "channel"}), "sesame") == (settings.clear, settings.hash_key)
    assert "sesame" not in str(resolved(config))
    assert (frozenset(), "") == (settings_for(read(""), None).clear, settings_for(read(""), None).hash_key)


def test_a_service_is_an_edge_only_if_it_is_told_where_to_forward() -> None:
    assert read("").forward is msgspec.UNSET
    assert "forward" not in str(resolved(read("")))
    text = "forward: {endpoint: 'owner:4317', ca_file: ca.pem, headers: {authorization: sesame}}"
    config = load(text, catalog=Components(), folder=Path("/etc"))
    assert config.forward is not msgspec.UNSET
    assert "/etc/ca.pem" == config.forward.ca_file
    assert "sesame" not in str(resolved(config))


def test_the_resolved_configuration_masks_secrets_and_writes_out_defaults() -> None:
    plain = resolved(read("exporters: {otlp: {headers: {authorization: secret}}}\nmodels: {credit: {}}"))
    text = msgspec.json.encode(plain).decode()
    assert "secret" not in text
    assert '"authorization":"****"' in text
    assert '"interval":"10s"' in text
    assert '"credit":{"task":null,"baseline":[],"windows":["1h","1d"]' in text


def test_overrides_replace_what_the_file_says_and_keep_default_components() -> None:
    config = load(
        "windows: [1h]\nbaselines: [a.baseline]",
        catalog=Components(),
        folder=Path("/etc"),
        overrides={
            ("windows",): ["1d", "month"],
            ("baselines",): ["/tmp/b.baseline"],
            ("exporters", "otlp", "endpoint"): "there:4317",
            ("receivers", "otlp", "grpc", "endpoint"): "127.0.0.1:0",
        },
        environ={},
    )
    assert (WindowName("1d"), WindowName("month")) == config.windows
    assert ("/etc/a.baseline", "/tmp/b.baseline") == config.baselines
    assert ["prometheus", "console", "otlp"] == list(config.exporters)
    assert Receiver(grpc=Listener(endpoint="127.0.0.1:0")) == config.receivers["otlp"]


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: No such file or directory; give the path"):
        load_file(tmp_path / "no.yaml", catalog=Components())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("1.5d", 129600), ("20ms", 0.02)]
)
def test_durations_read(text: str, seconds: float) -> None:
    assert seconds == Duration(text).seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-1h", "1w", "1hh"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        Duration(text)


def test_a_schema_becomes_rules_by_model_with_categories_by_name_and_by_hash() -> None:
    config = read(
        "categories: {hash_key: secret}\n"
        "models: {credit: {schema: {age: {min: 0, required: true}, town: {values: [Bern], tolerance: 0.1}}}}"
    )
    hashed = Redactor("credit", key="secret").hashed("Bern")
    assert {
        "credit": {
            "age": Rule(kind="number", low=0.0, required=True),
            "town": Rule(kind="category", values=frozenset({"Bern", hashed}), tolerance=0.1),
        }
    } == settings_for(config, None).rules
