"""Plain values to typed settings, with every problem found at once, each with its path.

msgspec checks types too, but stops at the first problem and writes `[...]` for the keys of a
mapping; people need `$.models.credit.windows[1]` and the nearest right word.
"""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast

import msgspec

from barograph_processor.config.document import EnvText
from barograph_processor.config.values import SCALARS
from barograph_processor.config.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

_WANTED: dict[object, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}
_FAILED = object()
TypeForm: TypeAlias = Any  # a type, or what `typing` makes of types


def describe(value: object) -> str:
    """What was found, in the user's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()} (true or false; quote it if text is meant)"
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return str(value)


class Converter:
    """Converts values and collects what is wrong with them.

    Attributes:
        problems: One line for each problem found so far.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def to(self, value: object, wanted: type[T], path: str) -> T | None:
        """The value as `wanted`, or None after adding to `problems`."""
        found = self._walk(value, wanted, path)
        return None if found is _FAILED else cast("T", found)

    def keys(self, value: dict[object, object], known: Iterable[str], path: str) -> None:
        """Note every key that isn't known."""
        known = list(known)
        for key in value:
            if key not in known:
                hint = nearest(str(key), known) or f"; known here: {', '.join(known)}"
                self._problem(f"{path}.{key}", f"unknown key{hint}")

    def mapping(self, value: object, path: str) -> dict[object, object]:
        """The value as a mapping; nothing is an empty one."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self._problem(path, f"found {describe(value)}, wanted a mapping of keys")
        return {}

    def _problem(self, path: str, text: str) -> object:
        self.problems.append(f"{path}: {text}")
        return _FAILED

    def _walk(  # noqa: PLR0911  # one return for each kind of type
        self,
        value: object,
        wanted: TypeForm,
        path: str,
    ) -> object:
        plain = typing.get_args(wanted)[0] if _origin(wanted) is Annotated else wanted
        origin = _origin(plain)
        if origin in {Union, types.UnionType}:
            return self._union(value, plain, path)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return self._struct(value, plain, path)
        if origin in {tuple, list}:
            return self._sequence(value, plain, path)
        if origin is dict:
            found = self.mapping(value, path)
            inner = typing.get_args(plain)[1]
            items = {str(key): self._walk(child, inner, f"{path}.{key}") for key, child in found.items()}
            return _FAILED if _FAILED in items.values() else items
        if origin is Literal:
            return self._literal(value, plain, path)
        if plain in SCALARS:
            return self._own_scalar(value, plain, path)
        return self._leaf(value, wanted, plain, path)

    def _struct(self, value: object, wanted: type[msgspec.Struct], path: str) -> object:
        before = len(self.problems)
        found = self.mapping(value, path)
        fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
        self.keys(found, fields, path)
        unwritten = _unwritten(wanted, found)
        arguments = {
            field.name: self._walk(found[key], field.type, f"{path}.{key}")
            for key, field in fields.items()
            if key in found
        }
        for key, field in fields.items():
            if field.required and key not in found:
                self._problem(path, f"the key {key} is missing")
        if len(self.problems) > before:
            return _FAILED
        try:
            return wanted(**unwritten, **arguments)
        except ValueError as error:
            return self._problem(path, str(error))

    def _sequence(self, value: object, wanted: TypeForm, path: str) -> object:
        if not isinstance(value, list):
            return self._problem(path, f"found {describe(value)}, wanted a list such as [a, b]")
        inner = typing.get_args(wanted)[0]
        items = [self._walk(child, inner, f"{path}[{index}]") for index, child in enumerate(value)]
        if _FAILED in items:
            return _FAILED
        return tuple(items) if _origin(wanted) is tuple else items

    def _union(self, value: object, wanted: TypeForm, path: str) -> object:
        members = typing.get_args(wanted)
        if value is None and type(None) in members:
            return None
        lists = [member for member in members if _origin(member) in {tuple, list}]
        maps = [member for member in members if _is_mapping(member)]
        rest = [member for member in members if member not in [*lists, *maps, type(None), msgspec.UnsetType]]
        chosen = (
            lists if isinstance(value, list) and lists else maps if isinstance(value, dict) and maps else rest
        )
        chosen = chosen or lists or maps
        if len(chosen) == 1:
            return self._walk(value, chosen[0], path)
        return self._leaf(value, wanted, wanted, path)

    def _literal(self, value: object, wanted: TypeForm, path: str) -> object:
        choices = typing.get_args(wanted)
        for choice in choices:
            if choice == value and type(choice) is (str if isinstance(value, EnvText) else type(value)):
                return choice
        names = [str(choice) for choice in choices]
        hint = nearest(str(value), names)
        return self._problem(path, f"found {describe(value)}, wanted one of {', '.join(names)}{hint}")

    def _own_scalar(self, value: object, wanted: TypeForm, path: str) -> object:
        try:
            if not isinstance(value, str):
                raise ValueError(wanted.WANTED)  # noqa: TRY004, TRY301  # one message for both cases
            return wanted(str(value))
        except ValueError as error:
            return self._problem(path, f"found {describe(value)}, wanted {error}")

    def _leaf(self, value: object, wanted: TypeForm, plain: object, path: str) -> object:
        try:
            if isinstance(value, EnvText):
                return msgspec.convert(str(value), wanted, strict=False)
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            limits = str(error).split(" - at ")[0].replace("Expected ", "").replace("`", "")
            said = limits if ">" in limits or "<" in limits or "length" in limits else None
            return self._problem(
                path, f"found {describe(value)}, wanted {said or _WANTED.get(plain, limits)}"
            )


def _origin(form: TypeForm) -> object:
    return typing.get_origin(form)


def _unwritten(wanted: type[msgspec.Struct], found: dict[object, object]) -> dict[str, object]:
    """Parts that are off: of those in `only_if_written`, the ones that aren't, where any is."""
    parts: tuple[str, ...] = getattr(wanted, "only_if_written", ())
    return {part: msgspec.UNSET for part in parts if part not in found} if set(parts) & set(found) else {}


def _is_mapping(member: object) -> bool:
    return _origin(member) is dict or (isinstance(member, type) and issubclass(member, msgspec.Struct))
