"""A configuration file to `Config`; every problem at once, one line each."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import msgspec

from barograph.errors import ConfigError
from barograph_processor.config.check import problems_of
from barograph_processor.config.convert import Converter, describe
from barograph_processor.config.document import fill, parse
from barograph_processor.config.model import Config
from barograph_processor.config.words import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "receivers": ("otlp",),
    "exporters": ("prometheus", "console"),
    "dialects": ("bentoml",),
    "stores": (),
}
Overrides: TypeAlias = "Mapping[tuple[str, ...], object]"


class Catalog(Protocol):
    """Which components there are, and what each can be told."""

    def names(self, kind: str) -> Sequence[str]:
        """Names of the components of a kind."""

    def config_type(self, kind: str, name: str) -> type[msgspec.Struct]:
        """What a component can be told."""

    def without(self, excluded: Sequence[str]) -> Catalog:
        """The same without what other packages add under these names."""


def load_file(
    path: Path,
    *,
    catalog: Catalog,
    overrides: Overrides | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read a configuration file. Relative paths in it start at its folder.

    Args:
        path: The file.
        catalog: The components that there are.
        overrides: Path of keys to the value to put there, as `load` takes them.
        environ: The environment; the process' own if absent.

    Raises:
        ConfigError: The file can't be read, or says something that can't be done; one line for each problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give the path of a YAML file to --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8") from error
    return load(
        text, name=str(path), folder=path.parent, catalog=catalog, overrides=overrides, environ=environ
    )


def load(  # noqa: PLR0913  # a file, where it is, and what changes it
    text: str,
    *,
    catalog: Catalog,
    name: str = "configuration",
    folder: Path | None = None,
    overrides: Overrides | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read a configuration.

    Args:
        text: YAML; empty is valid.
        catalog: The components that there are.
        name: Name of the file, for messages.
        folder: Where relative paths start; the working directory if absent.
        overrides: Path of keys (``("exporters", "prometheus", "endpoint")``) to the value to put
            there; a list is appended to the file's ``baselines``, everything else replaces.
        environ: The environment; the process' own if absent.

    Raises:
        ConfigError: One line for each problem.
    """
    environ = os.environ if environ is None else environ
    filled, problems = fill(parse(text, name=name), environ)
    config = Config()
    if not problems:
        filled = _override(filled, overrides or {})
        converter = Converter()
        config = _convert(filled, converter, catalog)
        problems = converter.problems
    if not problems:
        config = _absolute(config, folder or Path.cwd())
        problems = problems_of(config, environ)
    if problems:
        raise ConfigError("\n".join(f"{name}: {problem}" for problem in problems))
    return config


def _override(values: object, overrides: Overrides) -> object:
    if not overrides or not isinstance(values, dict):
        return values
    changed = copy.deepcopy(values)
    for path, value in overrides.items():
        at = changed
        for depth, key in enumerate(path[:-1]):
            child = at.get(key)
            if depth == 0 and key in DEFAULTS and key not in at:
                child = dict.fromkeys(DEFAULTS[key])
            at[key] = child if isinstance(child, dict) else {}
            at = at[key]
        if path == ("baselines",) and isinstance(at.get("baselines"), list):
            value = [*at["baselines"], *cast("list[object]", value)]  # noqa: PLW2901  # what is put there
        at[path[-1]] = value
    return changed


def _convert(filled: object, converter: Converter, catalog: Catalog) -> Config:
    values = converter.mapping(filled, "$")
    catalog = catalog.without(_excluded(values))
    parts: dict[str, dict[str, msgspec.Struct]] = {}
    for section, default in DEFAULTS.items():
        given = values.get(section, dict.fromkeys(default))
        parts[section] = _components(given, section, converter, catalog)
    rest = {key: value for key, value in values.items() if key not in DEFAULTS}
    converter.keys(rest, [field.encode_name for field in msgspec.structs.fields(Config)], "$")
    known = {key: value for key, value in rest.items() if key in Config.__struct_fields__}
    config = converter.to(known, Config, "$") or Config()
    return msgspec.structs.replace(config, **parts)


def _excluded(values: dict[object, object]) -> Sequence[str]:
    """What the file excludes, before the rest of it is looked at."""
    plugins = values.get("plugins")
    names = plugins.get("exclude") if isinstance(plugins, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _components(
    given: object, section: str, converter: Converter, catalog: Catalog
) -> dict[str, msgspec.Struct]:
    kind = section.removesuffix("s")
    known = catalog.names(kind)
    components: dict[str, msgspec.Struct] = {}
    for key, value in converter.mapping(given, f"$.{section}").items():
        path = f"$.{section}.{key}"
        type_name = str(key).partition("/")[0]
        if not isinstance(key, str) or type_name not in known:
            hint = nearest(type_name, known) or f"; known here: {', '.join(known)}"
            converter.problems.append(f"{path}: found {describe(key)}, which is no {kind}{hint}")
            continue
        component = converter.to(value, catalog.config_type(kind, type_name), path)
        if component is not None:
            components[key] = component
    return components


def _absolute(config: Config, folder: Path) -> Config:
    def path(text: str) -> str:
        return text if "://" in text else str(folder / Path(text).expanduser())

    models = {
        name: msgspec.structs.replace(model, baseline=tuple(path(file) for file in model.baselines))
        for name, model in config.models.items()
    }
    directory = config.storage.directory
    storage = (
        msgspec.structs.replace(config.storage, directory=path(directory)) if directory else config.storage
    )
    return msgspec.structs.replace(
        config,
        models=models,
        storage=storage,
        forward=config.forward if config.forward is msgspec.UNSET else _files(config.forward, path),
        baselines=tuple(path(file) for file in config.baselines),
        receivers={name: _files(part, path) for name, part in config.receivers.items()},
        exporters={name: _files(part, path) for name, part in config.exporters.items()},
    )


def _files(settings: msgspec.Struct, path: Callable[[str], str]) -> msgspec.Struct:
    """The same settings with every ``…_file`` and pattern of files in them made absolute."""
    changes: dict[str, object] = {}
    patterns = ("include", "exclude") if "include" in settings.__struct_fields__ else ()
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            changes[name] = _files(value, path)
        elif name.endswith("_file") and isinstance(value, str):
            changes[name] = path(value)
        elif name in patterns and isinstance(value, tuple):
            changes[name] = tuple(path(each) for each in value)
    return msgspec.structs.replace(settings, **changes) if changes else settings
