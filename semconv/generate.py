"""Makes constants, reference pages, dashboards and rules of the registry of telemetry names.

python semconv/generate.py            writes every output
python semconv/generate.py --check    fails, with a summary, where an output is stale
"""

from __future__ import annotations

import argparse
import difflib
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from boards import dashboards
from checking import check, constant
from panels import Names
from reading import ROOT, Registry, RegistryError, Signal, read_raw, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECKOUT = ROOT.parent
PYTHON = Path("instrumentation/barograph/semconv")
REFERENCE = Path("docs/reference")
OUTPUTS = {
    PYTHON / "__init__.py": "package.py.j2",
    PYTHON / "attributes.py": "attributes.py.j2",
    PYTHON / "metrics.py": "metrics.py.j2",
    PYTHON / "processor.py": "processor.py.j2",
    PYTHON / "events.py": "events.py.j2",
    PYTHON / "spans.py": "spans.py.j2",
    REFERENCE / "attributes.md": "attributes.md.j2",
    REFERENCE / "metrics.md": "metrics.md.j2",
    REFERENCE / "events.md": "events.md.j2",
    REFERENCE / "spans.md": "spans.md.j2",
}
BACKENDS = Path("collector-config")
RULES = {BACKENDS / "rules" / f"{name}.yaml": f"{name}.rules.yaml.j2" for name in ("recording", "alerting")}
LINE_LENGTH = 110


def load(directory: Path = ROOT / "registry") -> Registry:
    """Read, check and resolve a registry.

    Raises:
        RegistryError: It has faults; all of them are listed.
    """
    raw = read_raw(directory)
    check(raw)
    return resolve(raw)


def render(registry: Registry) -> dict[Path, str]:
    """Every output of a registry, by its path in the checkout."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Python and Markdown are written, not HTML
    )
    environment.filters.update(
        constant=constant,
        class_name=_class_name,
        quoted=_quoted,
        docstring=_docstring,
        entries=_entries,
        names=lambda signal: [use.attribute.key for use in signal.uses],
        cell=_cell,
        anchor=lambda name: name.replace(".", ""),
    )
    own = tuple(metric for metric in registry.metrics if metric.origin == "processor")
    content = {
        "schema_url": registry.schema_url,
        "attributes": registry.attributes,
        "metrics": tuple(metric for metric in registry.metrics if metric not in own),
        "own_metrics": own,
        "events": registry.events,
        "spans": registry.spans,
        "users": _users(registry),
    }
    names = Names(registry)
    environment.globals.update(metric=names.metric, label=names.label)
    rendered = {
        path: environment.get_template(name).render(content) for path, name in {**OUTPUTS, **RULES}.items()
    }
    boards = {BACKENDS / "dashboards" / name: text for name, text in dashboards(registry).items()}
    return {**rendered, **boards}


def stale(outputs: dict[Path, str], checkout: Path) -> list[str]:
    """What differs between the outputs and the files of a checkout, as short unified diffs."""
    found = []
    for path, wanted in outputs.items():
        file = checkout / path
        present = file.read_text(encoding="utf-8") if file.exists() else ""
        if present != wanted:
            difference = difflib.unified_diff(
                present.splitlines(),
                wanted.splitlines(),
                f"{path}",
                f"{path} (from the registry)",
                lineterm="",
                n=0,
            )
            found.append("\n".join(_shortened(difference)))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail where an output is stale")
    options = parser.parse_args(arguments)
    try:
        outputs = render(load())
    except RegistryError as error:
        print(f"{error}\n{len(error.findings)} faults in semconv/registry", file=sys.stderr)
        return 1
    if options.check:
        differences = stale(outputs, CHECKOUT)
        for difference in differences:
            print(difference, file=sys.stderr)
        if differences:
            print(f"{len(differences)} files are stale: run `make generate`", file=sys.stderr)
        return 1 if differences else 0
    for path, text in outputs.items():
        file = CHECKOUT / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 0


def _users(registry: Registry) -> dict[str, list[tuple[str, Signal]]]:
    """Which metrics, events and spans carry an attribute; with the page they stand on."""
    users: dict[str, list[tuple[str, Signal]]] = {attribute.key: [] for attribute in registry.attributes}
    for page, signals in (
        ("metrics", registry.metrics),
        ("events", registry.events),
        ("spans", registry.spans),
    ):
        for signal in signals:
            for use in signal.uses:
                users[use.attribute.key].append((page, signal))
    return users


def _class_name(key: str) -> str:
    return "".join(part.capitalize() for part in key.replace("_", ".").split("."))


def _quoted(text: str) -> str:
    """A Python string literal, spelled as the formatter spells it."""
    escaped = text.replace("\\", "\\\\")
    return f"'{escaped}'" if '"' in text and "'" not in text else '"{}"'.format(escaped.replace('"', '\\"'))


def _docstring(text: str, indent: int = 0) -> str:
    """A docstring, wrapped where it is long."""
    margin = " " * indent
    if indent + len(text) + 6 <= LINE_LENGTH:
        return f'{margin}"""{text}"""'
    lines = textwrap.wrap(text, LINE_LENGTH - indent - 3)
    return f'{margin}"""' + f"\n{margin}".join(lines) + f'\n{margin}"""'


def _entries(items: Iterable[str], indent: int, head: str = "") -> str:
    """A tuple of string literals, laid out as the formatter lays it out.

    Args:
        items: The strings.
        indent: Spaces before the line that the tuple begins on.
        head: What stands on that line before the tuple.
    """
    literals = [_quoted(item) for item in items]
    one_line = f"({', '.join(literals)}{',' if len(literals) == 1 else ''})"
    if indent + len(head) + len(one_line) + 1 <= LINE_LENGTH or not literals:
        return one_line
    inner = " " * (indent + 4)
    return "(\n" + "".join(f"{inner}{literal},\n" for literal in literals) + " " * indent + ")"


def _cell(text: object) -> str:
    """Text for a cell of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def _shortened(lines: Iterable[str], limit: int = 20) -> list[str]:
    found = list(lines)
    return [*found[:limit], f"… {len(found) - limit} more lines"] if len(found) > limit else found


if __name__ == "__main__":
    sys.exit(main())
