"""What the receiver ``files`` can be told."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from barograph_processor.config.values import Duration
from barograph_processor.receivers.files.columns import Columns
from barograph_processor.receivers.files.containers import Container  # noqa: TC001  # msgspec reads it

Form = Literal["auto", "json", "csv"]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files that grow: on a shared volume, or what a container runtime writes of standard output.

    Attributes:
        include: Paths and patterns (``/var/log/app/*.jsonl``, ``**``).
        exclude: Those of them that are left out.
        form: ``json`` (one object a line: OTLP as the Collector's file exporter writes it, or rows), ``csv``
            with the names in the first line, or ``auto``: by the file's ending.
        container: ``docker`` or ``cri`` where a container runtime wrote the lines, ``none`` where the
            program itself did, ``auto``: as the first line looks.
        model: Model of rows that name none.
        version: Version of rows that state none.
        columns: Which keys of a row say what.
        start_at: ``beginning``, or ``end``: of files that are there at the first start, only what is added.
        poll: How often files are looked at; lines that come together are cheaper than one by one.
        linger: A file that was renamed or removed is read for so long after its last line.
        max_line_bytes: Longer lines are left out, counted.
        source_id: What tells these rows from other senders'; by default the name of the host.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    form: Form = "auto"
    container: Container = "auto"
    model: str | None = None
    version: str | None = None
    columns: Columns = Columns()
    start_at: Literal["beginning", "end"] = "beginning"
    poll: Duration = Duration("1s")
    linger: Duration = Duration("5s")
    max_line_bytes: Annotated[int, msgspec.Meta(ge=1_024, le=2**26)] = 2**20
    source_id: str | None = None
