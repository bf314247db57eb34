"""YAML text to plain values, with `${env:NAME:-default}` filled in per scalar, after parsing.

Filling in afterwards means that no value of the environment can change the file's structure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from barograph.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$\$|\$\{env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{(?P<other>[^}]*)\}"
)


class EnvText(str):
    """Text that came from the environment; numbers and truth values may be read from it."""

    __slots__ = ()


class _Loader(yaml.SafeLoader):
    """The safe loader, with keys that occur twice refused instead of the last one silently winning."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[object, object]:
    loader.flatten_mapping(node)
    seen: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key!r} is there twice", problem_mark=key_node.start_mark
            )
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str, *, name: str) -> object:
    """The values of a YAML document.

    Args:
        text: The document; empty is an empty mapping.
        name: Name of the file, for messages.

    Raises:
        ConfigError: The text isn't YAML, or a key is there twice.
    """
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506  # _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise ConfigError(f"{name}{where}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    return {} if found is None else found


def fill(value: object, environ: Mapping[str, str]) -> tuple[object, list[str]]:
    """Replace references to the environment in every scalar.

    ``$$`` stands for one dollar sign.

    Args:
        value: What `parse` gave.
        environ: The environment.

    Returns:
        The value, and a line for each reference that could not be filled in.
    """
    problems: list[str] = []

    def walk(item: object, path: str) -> object:
        if isinstance(item, dict):
            return {key: walk(child, f"{path}.{key}") for key, child in item.items()}
        if isinstance(item, list):
            return [walk(child, f"{path}[{index}]") for index, child in enumerate(item)]
        if isinstance(item, str) and "$" in item:
            return EnvText(_REFERENCE.sub(lambda match: _filled(match, environ, path, problems), item))
        return item

    return walk(value, "$"), problems


def _filled(match: re.Match[str], environ: Mapping[str, str], path: str, problems: list[str]) -> str:
    if match[0] == "$$":
        return "$"
    name = match["name"]
    if name is None:
        problems.append(f"{path}: found {match[0]}, wanted ${{env:NAME}} or ${{env:NAME:-default}}")
    elif environ.get(name):
        return environ[name]
    elif match["default"] is not None:
        return match["default"]
    else:
        problems.append(
            f"{path}: the environment variable {name} is not set; set it, or write ${{env:{name}:-default}}"
        )
    return match[0]
