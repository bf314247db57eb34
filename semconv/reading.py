"""Reads the registry of telemetry names: YAML in Weaver's ``definition/2`` format to plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent
FILE_FORMAT = "definition/2"
SECTIONS = ("attributes", "attribute_groups", "metrics", "events", "spans")
_LEVEL_WORDS = {"required": "required", "recommended": "recommended", "opt_in": "opt-in"}
_CONDITION_WORDS = {"conditionally_required": "required", "recommended": "recommended", "opt_in": "opt-in"}


class RegistryError(Exception):
    """The registry can't be used; the message lists every finding, one a line."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Member:
    """One value of an enumerated attribute."""

    id: str
    value: str
    brief: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute; `type` is ``enum`` where it has members."""

    key: str
    type: str
    brief: str
    stability: str
    examples: tuple[object, ...] = ()
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """An attribute as a metric, event or span uses it; `level` says when it is there."""

    attribute: Attribute
    level: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A metric, event or span with its attributes resolved.

    Attributes:
        name: Name, or the type of a span.
        origin: The file that declares it, without suffix.
        brief: What it tells.
        stability: How much may still change.
        uses: Attributes in the order of their declaration, groups expanded.
        instrument: Of a metric.
        unit: Of a metric.
        kind: Of a span.
        name_note: How the name of a span is made.
    """

    name: str
    origin: str
    brief: str
    stability: str
    uses: tuple[Use, ...]
    instrument: str = ""
    unit: str = ""
    kind: str = ""
    name_note: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole registry, resolved; every sequence in the order of declaration."""

    schema_url: str
    attributes: tuple[Attribute, ...]
    metrics: tuple[Signal, ...]
    events: tuple[Signal, ...]
    spans: tuple[Signal, ...]


@dataclass(slots=True)
class Raw:
    """The registry as written: every entry with the file that it stands in.

    Attributes:
        manifest: The manifest's content.
        entries: Section to entries with the name of their file.
        imported: Attribute entries of the registries that this one depends on.
        problems: What could not be read at all.
    """

    manifest: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, list[tuple[str, dict[str, Any]]]] = field(
        default_factory=lambda: {section: [] for section in SECTIONS}
    )
    imported: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_raw(directory: Path) -> Raw:
    """Read the files of a registry, and those of the registries that its manifest depends on.

    Args:
        directory: The folder with ``manifest.yaml`` and the definitions.
    """
    raw = Raw()
    for path in sorted(directory.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name == "manifest.yaml":
            raw.manifest = content
            continue
        if not isinstance(content, dict) or content.get("file_format") != FILE_FORMAT:
            raw.problems.append(f"{path.name}: file_format must be {FILE_FORMAT}")
            continue
        for section, entries in content.items():
            if section == "file_format":
                continue
            if section not in SECTIONS:
                raw.problems.append(
                    f"{path.name}: section {section} is unknown; known are {', '.join(SECTIONS)}"
                )
                continue
            raw.entries[section] += [(path.name, entry) for entry in entries]
    if not raw.manifest.get("schema_url"):
        raw.problems.append("manifest.yaml: schema_url is missing")
    # Weaver reads registry_path from the folder it is started in, which is the checkout's.
    checkout = directory.parent.parent
    for dependency in raw.manifest.get("dependencies", ()):
        raw.imported += [
            entry for _, entry in read_raw(checkout / dependency["registry_path"]).entries["attributes"]
        ]
    return raw


def resolve(raw: Raw) -> Registry:
    """Turn entries that passed every check into values, references and groups expanded.

    Raises:
        RegistryError: A reference leads nowhere, or round in a circle.
    """
    own = [_attribute(entry) for _, entry in raw.entries["attributes"]]
    imported = [_attribute(entry) for entry in raw.imported]
    by_key = {attribute.key: attribute for attribute in (*imported, *own)}
    groups = {entry["id"]: entry for _, entry in raw.entries["attribute_groups"]}

    def uses(entry: dict[str, Any]) -> tuple[Use, ...]:
        name = entry.get("name") or entry.get("type")
        return tuple(
            Use(by_key[reference["ref"]], level_text(reference.get("requirement_level", "recommended")))
            for reference in expand(entry, groups, str(name if isinstance(name, str) else entry.get("id")))
        )

    def signals(section: str) -> tuple[Signal, ...]:
        return tuple(
            Signal(
                name=entry["type"] if section == "spans" else entry["name"],
                origin=Path(file).stem,
                brief=_line(entry["brief"]),
                stability=entry["stability"],
                uses=uses(entry),
                instrument=entry.get("instrument", ""),
                unit=entry.get("unit", ""),
                kind=entry.get("kind", ""),
                name_note=entry["name"]["note"] if section == "spans" else "",
            )
            for file, entry in raw.entries[section]
        )

    used_imports = {
        reference["ref"]
        for section in SECTIONS
        for _, entry in raw.entries[section]
        for reference in entry.get("attributes", ())
        if "ref" in reference
    }
    return Registry(
        schema_url=raw.manifest["schema_url"],
        attributes=(*own, *(each for each in imported if each.key in used_imports)),
        metrics=signals("metrics"),
        events=signals("events"),
        spans=signals("spans"),
    )


def expand(
    entry: dict[str, Any], groups: dict[str, dict[str, Any]], origin: str, above: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The attribute references of an entry with groups replaced by their content, recursively.

    A reference written on the entry itself refines the one that a group brings (Weaver's
    precedence) and keeps the group's place.

    Args:
        entry: A signal or a group.
        groups: Groups by id.
        origin: What is being expanded, for messages.
        above: The groups that are being expanded already.

    Raises:
        RegistryError: A group is unknown, contains itself, or brings an attribute that another
            group of the same entry brings too.
    """
    found: dict[str, dict[str, Any]] = {}
    for reference in entry.get("attributes", ()):
        if "ref_group" in reference:
            group = reference["ref_group"]
            if group in above:
                raise RegistryError([f"{origin}: group {group} contains itself"])
            if group not in groups:
                raise RegistryError([f"{origin}: ref_group {group} is not defined"])
            for each in expand(groups[group], groups, origin, (*above, group)):
                if each["ref"] in found:
                    raise RegistryError([f"{origin}: two groups bring {each['ref']}"])
                found[each["ref"]] = each
    for reference in entry.get("attributes", ()):
        if "ref" in reference:
            found[reference["ref"]] = {**found.get(reference["ref"], {}), **reference}
    return list(found.values())


def level_text(level: str | dict[str, str]) -> str:
    """A requirement level in words."""
    if isinstance(level, str):
        return _LEVEL_WORDS[level]
    ((word, condition),) = level.items()
    return f"{_CONDITION_WORDS[word]} {condition}"


def _attribute(entry: dict[str, Any]) -> Attribute:
    kind = entry["type"]
    members: tuple[Member, ...] = ()
    if isinstance(kind, dict):
        members = tuple(
            Member(each["id"], each["value"], _line(each.get("brief", ""))) for each in kind["members"]
        )
        kind = "enum"
    return Attribute(
        key=entry["key"],
        type=kind,
        brief=_line(entry["brief"]),
        stability=entry["stability"],
        examples=tuple(entry.get("examples", ())),
        members=members,
    )


def _line(text: str) -> str:
    """One line: briefs may be folded in YAML."""
    return " ".join(text.split())
