"""What the registry must fulfil before anything is made of it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from reading import SECTIONS, Raw, RegistryError, expand

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTRIBUTE_TYPES = frozenset(
    ("string", "int", "double", "boolean", "string[]", "int[]", "double[]", "boolean[]", "any")
)
INSTRUMENTS = frozenset(("counter", "updowncounter", "gauge", "histogram"))
STABILITIES = frozenset(("development", "alpha", "beta", "release_candidate", "stable"))
KINDS = frozenset(("internal", "client", "server", "producer", "consumer"))
LEVELS = frozenset(("required", "recommended", "opt_in"))
CONDITIONS = frozenset(("conditionally_required", "recommended", "opt_in"))

# UCUM units that telemetry of ours is in, or an annotation; a new one is added with thought: exporters
# to Prometheus put units into names.
_UNIT = re.compile(r"1|s|By|\{[a-z][a-z0-9_]*\}")
_DOTTED = re.compile(r"(ml|barograph)(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+")
_OWN_METRIC = re.compile(r"barograph(_[a-z][a-z0-9]*)+")  # the Collector's manner

_REQUIRED = {
    "attributes": ("key", "type", "stability", "brief"),
    "attribute_groups": ("id", "visibility", "attributes"),
    "metrics": ("name", "instrument", "unit", "stability", "brief"),
    "events": ("name", "stability", "brief"),
    "spans": ("type", "kind", "name", "stability", "brief"),
}
_ALLOWED = {
    "attributes": ("note", "examples", "deprecated", "annotations"),
    "attribute_groups": ("brief", "note", "stability", "deprecated", "annotations"),
    "metrics": ("note", "attributes", "requirement_level", "deprecated", "annotations"),
    "events": ("note", "attributes", "requirement_level", "deprecated", "annotations"),
    "spans": ("note", "attributes", "requirement_level", "deprecated", "annotations"),
}
_NAMED_BY = {
    "attributes": "key",
    "attribute_groups": "id",
    "metrics": "name",
    "events": "name",
    "spans": "type",
}
_REFERENCE_KEYS = frozenset(
    ("ref", "requirement_level", "brief", "note", "examples", "sampling_relevant", "stability")
)


def check(raw: Raw) -> None:
    """Check a registry.

    Raises:
        RegistryError: With every finding.
    """
    findings = list(raw.problems)
    for section in SECTIONS:
        findings += _check_section(section, raw.entries[section])
    findings += _check_references(raw)
    findings += _check_constants(raw)
    if findings:
        raise RegistryError(findings)


def name_of(section: str, entry: dict[str, Any]) -> str:
    """What an entry is called."""
    return str(entry.get(_NAMED_BY[section], "?"))


def constant(name: str) -> str:
    """The Python constant of a name."""
    return re.sub(r"[^a-zA-Z0-9]", "_", name).upper()


def _check_section(section: str, entries: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    counts = Counter(name_of(section, entry) for _, entry in entries)
    yield from (f"{section}: {name} is defined {count} times" for name, count in counts.items() if count > 1)
    for file, entry in entries:
        where = f"{file}: {section} {name_of(section, entry)}"
        for key in _REQUIRED[section]:
            if not entry.get(key):
                yield f"{where}: {key} is missing"
        known = (*_REQUIRED[section], *_ALLOWED[section])
        yield from (f"{where}: key {key} is unknown" for key in entry if key not in known)
        yield from (f"{where}: {finding}" for finding in _check_entry(section, entry))


def _check_entry(section: str, entry: dict[str, Any]) -> Iterator[str]:
    name = name_of(section, entry)
    if section == "attribute_groups":
        if entry.get("visibility") not in {"internal", "public"}:
            yield "visibility must be internal or public"
        return
    if not (_DOTTED.fullmatch(name) or (section == "metrics" and _OWN_METRIC.fullmatch(name))):
        yield "the name must be dotted snake_case under ml or barograph (processor metrics: barograph_…)"
    if entry.get("stability") not in STABILITIES:
        yield f"stability {entry.get('stability')} is none of {', '.join(sorted(STABILITIES))}"
    brief = str(entry.get("brief", ""))
    if not brief.endswith(".") or not (brief[:1].isupper() or brief[:1].isdigit()):
        yield "the brief must be a sentence: a capital or digit first, a full stop last"
    if section in _OWN_CHECKS:
        yield from _OWN_CHECKS[section](entry)


def _check_metric(entry: dict[str, Any]) -> Iterator[str]:
    if entry.get("instrument") not in INSTRUMENTS:
        yield f"instrument {entry.get('instrument')} is none of {', '.join(sorted(INSTRUMENTS))}"
    if not _UNIT.fullmatch(str(entry.get("unit", ""))):
        yield f"unit {entry.get('unit')!r} is neither 1, s, By nor an {{annotation}}"


def _check_span(entry: dict[str, Any]) -> Iterator[str]:
    if entry.get("kind") not in KINDS:
        yield f"kind {entry.get('kind')} is none of {', '.join(sorted(KINDS))}"
    if not isinstance(entry.get("name"), dict) or not entry["name"].get("note"):
        yield "name must have a note that says how the name is made"


def _check_type(entry: dict[str, Any]) -> Iterator[str]:
    kind = entry.get("type")
    if not isinstance(kind, dict):
        if kind not in ATTRIBUTE_TYPES:
            yield f"type {kind} is none of {', '.join(sorted(ATTRIBUTE_TYPES))} and has no members"
        return
    members = kind.get("members", [])
    for key in ("id", "value"):
        repeated = [each for each, count in Counter(m.get(key) for m in members).items() if count > 1]
        yield from (f"member {key} {each} is there twice" for each in repeated)
    for member in members:
        if not isinstance(member.get("value"), str):
            yield f"member {member.get('id')}: the value must be text"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(member.get("id"))):
            yield f"member {member.get('id')}: the id must be snake_case"
        if not member.get("brief") or member.get("stability") not in STABILITIES:
            yield f"member {member.get('id')}: brief or stability is missing"


_OWN_CHECKS = {"attributes": _check_type, "metrics": _check_metric, "spans": _check_span}


def _check_references(raw: Raw) -> Iterator[str]:
    known = {name_of("attributes", entry) for _, entry in raw.entries["attributes"]}
    known |= {name_of("attributes", entry) for entry in raw.imported}
    groups = {name_of("attribute_groups", entry): entry for _, entry in raw.entries["attribute_groups"]}
    used_groups: set[str] = set()
    used: set[str] = set()
    for section in SECTIONS[1:]:
        for file, entry in raw.entries[section]:
            where = f"{file}: {section} {name_of(section, entry)}"
            yield from (f"{where}: {finding}" for finding in _check_uses(entry, known))
            uses = entry.get("attributes", ())
            used_groups |= {str(use["ref_group"]) for use in uses if "ref_group" in use}
            used |= {str(use["ref"]) for use in uses if "ref" in use}
            try:
                expand(entry, groups, where)
            except RegistryError as error:
                yield from error.findings
    own = {name_of("attributes", entry) for _, entry in raw.entries["attributes"]}
    yield from (f"attributes {name}: nothing refers to it" for name in sorted(own - used))
    unused = sorted(groups.keys() - used_groups)
    yield from (f"attribute_groups {name}: nothing refers to it" for name in unused)


def _check_uses(entry: dict[str, Any], known: set[str]) -> Iterator[str]:
    uses = entry.get("attributes", ())
    counts = Counter(use.get("ref") or use.get("ref_group") for use in uses)
    yield from (f"{name} is referred to {count} times" for name, count in counts.items() if count > 1)
    for use in uses:
        if set(use) == {"ref_group"}:
            continue
        if "ref" not in use or not set(use) <= _REFERENCE_KEYS:
            yield f"{use}: a reference is a ref with refinements, or a ref_group alone"
            continue
        if use["ref"] not in known:
            yield f"ref {use['ref']} is not defined, here or in a dependency"
        level = use.get("requirement_level", "recommended")
        if isinstance(level, dict):
            if len(level) != 1 or not set(level) <= CONDITIONS:
                yield f"{use['ref']}: requirement_level {level} is unknown"
        elif level not in LEVELS:
            yield f"{use['ref']}: requirement_level {level} is unknown"


def _check_constants(raw: Raw) -> Iterator[str]:
    """Two names of a kind must not become one Python constant."""
    for section in ("attributes", "metrics", "events", "spans"):
        by_constant: dict[str, set[str]] = {}
        for _, entry in raw.entries[section]:
            name = name_of(section, entry)
            by_constant.setdefault(constant(name), set()).add(name)
        for spelled, names in by_constant.items():
            if len(names) > 1:
                yield f"{section}: {', '.join(sorted(names))} become one constant {spelled}"
