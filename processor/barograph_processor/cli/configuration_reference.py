"""docs/configuration.md, made from the settings themselves.

`python -m barograph_processor.cli.configuration_reference > docs/configuration.md`
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from typing import TYPE_CHECKING

import msgspec

from barograph_processor.components.registry import Registry
from barograph_processor.config.model import Config, Model
from barograph_processor.config.values import SCALARS, as_text
from barograph_processor.wire.mapping import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = """\
receivers:
  otlp:
    grpc: {endpoint: 0.0.0.0:4317, tls: {cert_file: server.pem, key_file: server.key}}
    auth: {bearer: "${env:BAROGRAPH_TOKEN}"}
models:
  credit:
    task: binary
    baseline: credit-3.baseline          # or a list: one for each version
    windows: [1h, 1d, month]
    labels: {within: 30d}
    segments: [region, channel]
exporters:
  otlp: {endpoint: "http://collector:4317", headers: {authorization: "Bearer ${env:TOKEN:-none}"}}
  prometheus: {endpoint: 127.0.0.1:9464}
storage: {directory: /var/lib/barograph, durability: disk}
"""

INTRODUCTION = f"""\
# Configuration

Made from the settings themselves by
`python -m barograph_processor.cli.configuration_reference > docs/configuration.md`.

`barograph run` needs no file: without one it receives OTLP at 127.0.0.1, gRPC at port 4317 and HTTP at 4318,
serves `/metrics` at 127.0.0.1:9464, prints a line for each closed window, and learns baselines.
`barograph run --config FILE` reads YAML; every key has a default, an empty file is valid, an unknown key is
refused with the nearest right word. `barograph check --config FILE` prints what a file means, with every
default written out and secrets masked.

```yaml
{EXAMPLE}```

- **Durations** are written `30s`, `5m`, `1h30m`, `1d`; windows also `month` (calendar months, UTC).
- **`${{env:NAME:-default}}`** in any value is filled in from the environment after the file was parsed, so no
  variable can change the file's structure; without a default the variable must be set. `$$` is a dollar sign.
- **Paths** that are relative start at the folder of the file (on the command line: at the working directory).
- **Options of the command line** (see [cli.md](cli.md)) replace what the file says; `--baseline` adds to it.
- **Of `receivers.otlp.grpc` and `.http`, what is written is on**, as in the Collector; with neither, both.
- **Several components of one type**: `otlp/second` beside `otlp`. Naming any exporter replaces the
  default ones.
- **Panes** divide a day, windows are multiples of panes, and the pane length is the same in every source.
- **Models whose windows, labels or segments differ** have an engine, and room for pending labels, of
  their own.

## Who may send

Only this machine, unless an endpoint says otherwise. Beyond it `run` warns where a listener has no TLS or no
authentication; a container that only its own Collector reaches may well be meant so.

- **TLS** for each of `grpc` and `http`: `tls: {{cert_file: …, key_file: …}}`; with `client_ca_file` senders
  must show a certificate too. The files are read again when they change; where the new ones can't be used,
  the old ones stay and a warning says why.
- **Tokens** for both: `auth: {{bearer: …}}`, sent as `authorization: Bearer …` (for the SDKs
  `OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20…`). A list holds an old and a new one while senders
  change. `auth: {{tokens: {{team-a: …, team-b: …}}}}` makes tenants: models of the same name are monitored
  apart, and readings carry `barograph.tenant`. Who has no known token gets UNAUTHENTICATED or 401, counted
  in `barograph_receiver_unauthenticated_requests`; probes of gRPC's health need none.

Bodies over HTTP may be compressed with gzip, deflate, zlib, zstd or lz4, over gRPC with gzip or deflate; a
Collector that is told to send snappy or, over gRPC, zstd is refused.

## Memory and restarts

Without `storage.directory` everything lives in memory and ends with the process. With it, learned baselines
are kept as files, predictions and labels that wait for each other lie on disk, and an orderly stop (SIGTERM,
Ctrl-C) keeps the rest, which the next start takes up: unfinished windows, the readings that stand, windows
that could not be sent, how far cumulative streams had come. One process at a time owns the directory.

What a crash (`kill -9`, power) costs is chosen by `storage.durability`:

| | acknowledged when | lost with the process | lost with the machine |
|---|---|---|---|
| `memory` | it is in memory | windows: all since the last orderly stop | likewise |
| `disk`, `sync: interval` | it is in the journal | nothing | at most what came within `sync_every` |
| `disk`, `sync: always` | the journal is on the disk | nothing | nothing |

With `disk`, a request is written to the journal before anything comes of it; every row that was
acknowledged is in the restored state exactly once. Requests that wait at the same time share one sync.
Every `checkpoint_every`, or when the journal holds `journal_bytes`, a checkpoint of everything is made
and the journal before it removed; a start takes the newest checkpoint and the journal after it. Windows
that closed after the checkpoint are sent again then, with the same identity, revision and content. The
directory takes about `pending_bytes` twice, `journal_bytes` twice and the engine's state; it holds ids,
and features where rows carry them, readable by their owner alone.

When the disk is full or fails, receivers answer UNAVAILABLE and senders keep their data, `/healthz` says
why, and intake goes on by itself when there is room. Where what was acknowledged can't be restored,
because a file is damaged, of another version, or made with other windows, nothing is started and the
message says what to do. An orderly stop leaves a checkpoint and an empty journal: stop in order before an
upgrade.

## Probes and stopping

`/readyz` beside `/metrics`, and gRPC's health service on the receiver's port, say whether telemetry is taken:
not before the engine runs, not while the storage fails, not while stopping. `/healthz` also tells what only
needs looking at, such as a window that can't be computed. A readiness probe asks `/readyz`; a liveness probe
does no good, for what `/healthz` tells of, a restart doesn't cure.

SIGTERM or Ctrl-C: not ready; intake ends and requests under way are answered; what is due closes; state is
kept; queues are sent for up to five seconds. A second signal ends the process at once; with durability
`disk` nothing acknowledged is lost by that either.

An exporter that is away makes nothing wait: its windows queue (`export.queue`), are tried again with
growing pauses for `export.retry_for`, and are dropped and counted in `ml.telemetry.dropped` after it.
When half of a queue is full, receivers answer UNAVAILABLE, so that senders keep their data.

## Tiers

Where one process can't count all rows, or rows should not travel far, edges count them and one processor, the
owner, makes windows. An edge, one of as many as are needed, is made by `--forward owner:4317`, or by

```yaml
forward: {{endpoint: "owner:4317"}}
baselines: [credit-3.baseline]
storage: {{directory: /var/lib/barograph, durability: disk}}
```

An edge takes everything that `run` takes, from any receiver. It counts the features of rows, as the source's
own histograms would, and passes on those counts, predictions and labels in packed events, and what is
counted already as it came. Readings are those of one processor that gets everything. So that they are:

- Edges and owner have the same `engine.pane` and the same baselines.
- A row that its sender sends again goes to the same edge: its features are counted once where it is known
  (`remember`), and its prediction once at the owner. Route by sender, model or id, not at random.
- Rows without an id are counted where they come in; what can't be joined is counted without its segments.
- What differs by sender, such as mappings, belongs to the edges; windows, labels and segments to the owner.
  Tenants do, too: to the owner, an edge is one sender.

What an edge has taken leaves it within `forward.interval`, or waits while the owner is away. When half of
`forward.queue_bytes` wait, receivers answer UNAVAILABLE. `/drain` passes everything on and waits until it is
taken. With `storage.directory`, what the owner has not taken outlives the process, as `storage.durability`
says of what was acknowledged; without it, a stop waits 5 s and counts the rest as dropped.
`storage.checkpoint_every` and `storage.journal_bytes` mean nothing to an edge. A Collector may lie between
edges and owner: [`tiers.yaml`](../collector-config/README.md#tiersyaml).
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    yield "## Keys\n"
    yield from _table(Config, "", skip=("receivers", "exporters", "dialects", "stores", "models", "mappings"))
    yield "### `models.NAME`\n"
    yield from _table(Model, "")
    yield "### `mappings[]`\n"
    yield from _table(Mapping, "")
    for factory in Registry():
        if factory.kind == "store":
            continue
        yield f"### `{factory.kind}s.{factory.name}`\n"
        yield f"{factory.summary} Stability: {factory.stability}.\n"
        yield from _table(factory.config_type, "")


def keys(
    settings: type[msgspec.Struct], prefix: str = ""
) -> Iterator[tuple[str, msgspec.structs.FieldInfo, str]]:
    """Path, field and description of every setting, those of nested settings included."""
    described = _descriptions(settings)
    for field in msgspec.structs.fields(settings):
        path = f"{prefix}{field.encode_name}"
        part = _part(field.type)
        if part is not None:
            yield from keys(part, f"{path}.")
        else:
            yield path, field, described.get(field.encode_name, "")


def _part(form: object) -> type[msgspec.Struct] | None:
    """The settings behind a key that is a part of the configuration that can be on or off."""
    parts = [form, *(each for each in typing.get_args(form) if msgspec.UnsetType in typing.get_args(form))]
    return next((each for each in parts if isinstance(each, type) and issubclass(each, msgspec.Struct)), None)


def _table(settings: type[msgspec.Struct], prefix: str, skip: tuple[str, ...] = ()) -> Iterator[str]:
    rows = [
        f"| `{path}` | {_default(field)} | {text} |"
        for path, field, text in keys(settings, prefix)
        if path.partition(".")[0] not in skip
    ]
    yield "\n".join(["| key | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default
    if value is msgspec.NODEFAULT and callable(field.default_factory):
        value = field.default_factory()
    if value is msgspec.NODEFAULT:
        return "required"
    if value is None or value is msgspec.UNSET or value in ((), [], {}):
        return ""
    if isinstance(value, SCALARS):
        return f"`{as_text(value)}`"
    plain = msgspec.to_builtins(value, enc_hook=as_text)
    return f"`{msgspec.json.encode(plain).decode() if isinstance(plain, (list, tuple, dict)) else plain}`"


def _descriptions(settings: type[msgspec.Struct]) -> dict[str, str]:
    """The `Attributes:` section of a docstring."""
    section = inspect.cleandoc(settings.__doc__ or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        match = re.fullmatch(r"    (\w+): (.*)", line)
        if match:
            name = match[1]
            found[name] = match[2]
        elif line.strip() and name:
            found[name] += f" {line.strip()}"
    return {name: text.replace("``", "`").replace("|", "\\|") for name, text in found.items()}


if __name__ == "__main__":
    sys.stdout.write(reference())
