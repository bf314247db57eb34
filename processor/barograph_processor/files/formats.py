"""What a file is, by its name: the one list of endings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from barograph.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["csv", "parquet", "arrow", "otlp"]

_COMPRESSED: Final = (".gz", ".zst", ".zstd")
_ENDINGS: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".json": "otlp",
    ".jsonl": "otlp",
    ".ndjson": "otlp",
    ".proto": "otlp",
    ".pb": "otlp",
    ".otlp": "otlp",
}
_PACKED: Final = frozenset(("csv", "otlp"))
"""Formats that are read compressed as a whole; the others compress inside."""


def ending_of(path: Path) -> str:
    """The ending that tells the format, in lower case, without that of a compression.

    >>> from pathlib import Path
    >>> ending_of(Path("march.CSV.gz"))
    '.csv'
    """
    return _split(path)[0]


def format_of(path: Path) -> Format | None:
    """The format of a file; None where its name doesn't tell.

    >>> from pathlib import Path
    >>> format_of(Path("march.tsv.gz")), format_of(Path("march.parquet")), format_of(Path("march.xlsx"))
    ('csv', 'parquet', None)
    """
    ending, is_compressed = _split(path)
    found = _ENDINGS.get(ending)
    return None if is_compressed and found not in _PACKED else found


def known_format(path: Path) -> Format:
    """The format of a file.

    Raises:
        ConfigError: Its name doesn't tell.
    """
    found = format_of(path)
    if found is None:
        raise ConfigError(
            f"{path}: wanted a file that ends in one of {', '.join(_ENDINGS)} (text and OTLP also with "
            f"{' or '.join(_COMPRESSED[:2])}), so that its format is known"
        )
    return found


def _split(path: Path) -> tuple[str, bool]:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    is_compressed = bool(suffixes) and suffixes[-1] in _COMPRESSED
    if is_compressed:
        suffixes.pop()
    return (suffixes[-1] if suffixes else ""), is_compressed
