"""Recognises objects of libraries that are not imported here."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

# An object of a library that is not imported here: it is asked what it can do.
Foreign: TypeAlias = Any
Library = Literal["numpy", "pandas", "polars", "pyarrow", "scipy", ""]
_KNOWN: tuple[Library, ...] = ("numpy", "pandas", "polars", "pyarrow", "scipy")
_MAX_REMEMBERED = 1_024
_libraries: dict[type, Library] = {}


def library_of(cls: type[Any]) -> Library:
    """The library that a class, or the nearest of its bases, comes from; ``""`` for others."""
    found = _libraries.get(cls)
    if found is None:
        roots = [one.__module__.partition(".")[0] for one in cls.__mro__]
        matches: list[Library] = [known for root in roots for known in _KNOWN if root == known]
        found = matches[0] if matches else ""
        if len(_libraries) < _MAX_REMEMBERED:
            _libraries[cls] = found
    return found


def is_frame(cls: type[Any]) -> bool:
    """Whether instances are tables: pandas or polars DataFrame, Arrow table or record batch."""
    names = {one.__name__ for one in cls.__mro__}
    library = library_of(cls)
    return (library in ("pandas", "polars") and "DataFrame" in names) or (
        library == "pyarrow" and bool(names & {"Table", "RecordBatch"})
    )
