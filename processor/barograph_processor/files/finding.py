"""Which files are meant: paths, patterns and folders, each file once."""

from __future__ import annotations

import glob
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from barograph.errors import ConfigError
from barograph_processor.files.formats import format_of, known_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHUNK_BYTES = 2**20
_HIDDEN = (".", "_")


class Found(NamedTuple):
    """Files that were found.

    Attributes:
        files: In order of their names, each once.
        repeats: Files left out, with the one that is read in their place: the same file named again, or
            one with the same bytes.
    """

    files: Sequence[Path]
    repeats: Sequence[tuple[Path, Path]]


def find_files(wanted: Sequence[str], option: str) -> Found:
    """Every file that is meant by paths, patterns (``2026-10-*.parquet``, ``**``) and folders.

    Of a folder those files are taken, at any depth, whose ending is known and whose name does not begin
    with a dot or underscore. The order in which files are named makes no difference.

    Args:
        wanted: Paths, patterns and folders.
        option: Where they were named, for messages.

    Raises:
        ConfigError: There is no such file, its format isn't known, or it can't be read.
    """
    files: list[Path] = []
    for each in wanted:
        found = sorted(_meant(each))
        if not found:
            raise ConfigError(f"{option}: {_nothing(each)}")
        files += found
    for path in files:
        if not path.is_file():
            raise ConfigError(f"{option}: {path} is no file; files are read twice, so write it to one first")
        known_format(path)
    try:
        return _each_once(sorted(files))
    except OSError as error:
        raise ConfigError(f"{option}: {error.filename} can't be read: {error.strerror}") from error


def _meant(wanted: str) -> Iterator[Path]:
    path = Path(wanted).expanduser()
    if path.is_dir():
        for each in path.rglob("*"):
            inside = each.relative_to(path)
            if (
                not any(part.startswith(_HIDDEN) for part in inside.parts)
                and each.is_file()
                and format_of(each)
            ):
                yield each
    elif path.exists():
        yield path
    else:
        for name in glob.glob(str(path), recursive=True):  # noqa: PTH207  # patterns may begin at the root
            if Path(name).is_file():
                yield Path(name)


def _nothing(wanted: str) -> str:
    path = Path(wanted).expanduser()
    if path.is_dir():
        return f"in the folder {wanted} there is no file whose ending is known"
    if "://" in wanted:
        return f"{wanted} is no path; copy the files here, or mount their store as a folder"
    if glob.has_magic(wanted):
        return f"no file matches {wanted}"
    beside = path.parent if path.parent.is_dir() else None
    return f"there is no file {wanted}" + (f" in {beside.resolve()}" if beside is not None else "")


def _each_once(files: Sequence[Path]) -> Found:
    """Leave out what is the same file, or has the same bytes."""
    kept: dict[tuple[int, int], Path] = {}
    repeats: list[tuple[Path, Path]] = []
    by_size: defaultdict[int, list[Path]] = defaultdict(list)
    for path in files:
        about = path.stat()
        identity = (about.st_dev, about.st_ino)
        if identity in kept:
            repeats.append((path, kept[identity]))
        else:
            kept[identity] = path
            by_size[about.st_size].append(path)
    unlike: set[Path] = set()
    for alike in by_size.values():
        seen: dict[bytes, Path] = {}
        for path in alike:
            first = seen.setdefault(_digest(path), path) if len(alike) > 1 else path
            if first is path:
                unlike.add(path)
            else:
                repeats.append((path, first))
    return Found([path for path in kept.values() if path in unlike], repeats)


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
