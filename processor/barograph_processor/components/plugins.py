"""What other packages add, found by entry points and loaded when it is needed.

What a package adds is told by its metadata alone; its code runs when the configuration names its
component, or, for signals, when an engine is made. What can't be loaded is told with the name of its
package: never left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Final, NamedTuple

from barograph.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from importlib.metadata import EntryPoint

OURS: Final = "barograph"
PREFIX: Final = "barograph_"
GROUPS: Final = {
    "barograph_signal": "signal",
    "barograph_receiver": "receiver",
    "barograph_store": "store",
    "barograph_exporter": "exporter",
    "barograph_dialect": "dialect",
}
"""Group of entry points to what its members are. Each is a promise of its own: should what a signal has to
be change, there will be another group beside this one, and nothing is loaded by a program that it
wasn't made for."""
ELSEWHERE: Final = frozenset({"barograph_sink"})
"""Groups that other parts of the program read."""


class Plugin(NamedTuple):
    """Something that a package adds.

    Attributes:
        kind: ``signal``, ``receiver``, ``store``, ``exporter`` or ``dialect``.
        name: Name of the entry point.
        distribution: Name of the package, as it is installed by.
        version: The package's version.
        entry: The entry point.
    """

    kind: str
    name: str
    distribution: str
    version: str
    entry: EntryPoint

    @property
    def origin(self) -> str:
        """The package with its version."""
        return f"{self.distribution} {self.version}"

    @property
    def label(self) -> str:
        """Kind and name, as the configuration excludes it by."""
        return f"{self.kind}/{self.name}"

    def load(self) -> object:
        """What the entry point leads to.

        Raises:
            ConfigError: It leads to nothing, or its module fails.
        """
        try:
            return self.entry.load()
        except Exception as error:  # a package of others may raise whatever it likes
            raise self.refused(f"it can't be loaded: {type(error).__name__}: {error}") from error

    def refused(self, why: str, *, exclude: str = "") -> ConfigError:
        """The error that says which package is at fault, why, and what to do.

        Args:
            why: What is wrong.
            exclude: What the configuration has to exclude; by default this plug-in alone.
        """
        return ConfigError(
            f"the {self.kind} {self.name!r} of {self.origin} ({self.entry.value}): {why}; upgrade or "
            f"uninstall {self.distribution}, or leave it out: plugins: {{exclude: [{exclude or self.label}]}}"
        )


@dataclass(frozen=True, slots=True)
class Plugins:
    """What other packages add to this program.

    Attributes:
        found: What can be asked for, in order of kind, name and package.
        problems: What has no place here, each with the error that says why.
        taken: Kind and name of what the program brings itself.
    """

    found: Sequence[Plugin] = ()
    problems: Sequence[tuple[Plugin, ConfigError]] = ()
    taken: AbstractSet[tuple[str, str]] = frozenset()

    @classmethod
    def installed(cls, taken: Iterable[tuple[str, str]]) -> Plugins:
        """What is installed beside this program.

        Args:
            taken: Kind and name of what the program brings itself.
        """
        return cls.of(_installed(), frozenset(taken))

    @classmethod
    def of(cls, plugins: Iterable[Plugin], taken: AbstractSet[tuple[str, str]]) -> Plugins:
        """Those that have a place, and why the others have none."""
        found: dict[tuple[str, str], Plugin] = {}
        problems: list[tuple[Plugin, ConfigError]] = []
        for plugin in sorted(plugins, key=lambda one: one[:3]):
            name = (plugin.kind, plugin.name)
            if plugin.kind not in GROUPS.values():
                problems.append((plugin, plugin.refused(_unknown(plugin.entry.group))))
            elif name in taken:
                problems.append((plugin, plugin.refused(f"barograph itself has the {' '.join(name)}")))
            elif name in found:
                why = f"{found[name].origin} has the {' '.join(name)} too"
                problems.append((plugin, plugin.refused(why, exclude=plugin.distribution)))
            else:
                found[name] = plugin
        return cls(tuple(found.values()), problems, taken)

    def without(self, excluded: Iterable[str]) -> Plugins:
        """These without some; what had no place beside those may have one now.

        Args:
            excluded: ``kind/name``, or the name of a package, which leaves out all of it.
        """
        names = {_normal(name) for name in excluded}
        every = (*self.found, *(plugin for plugin, _ in self.problems))
        stay = [one for one in every if not names & {_normal(one.label), _normal(one.distribution)}]
        return Plugins.of(stay, self.taken)

    def of_kind(self, kind: str) -> list[Plugin]:
        """Those of a kind."""
        return [plugin for plugin in self.found if plugin.kind == kind]

    def check(self) -> None:
        """See that everything has a place.

        Raises:
            ConfigError: Something hasn't; one line for each.
        """
        if self.problems:
            raise ConfigError("\n".join(str(error) for _, error in self.problems))


def _installed() -> Iterator[Plugin]:
    points = entry_points()
    for group in sorted(points.groups):
        if not group.startswith(PREFIX) or group in ELSEWHERE:
            continue
        for entry in points.select(group=group):
            distribution = entry.dist
            if distribution is None or distribution.name == OURS:
                continue
            kind = GROUPS.get(group, group.removeprefix(PREFIX))
            yield Plugin(kind, entry.name, distribution.name, distribution.version, entry)


def _unknown(group: str) -> str:
    known = ", ".join(sorted({*GROUPS, *ELSEWHERE}))
    return f"barograph {version(OURS)} has no plug-ins of the group {group}; it knows {known}"


def _normal(name: str) -> str:
    """Names of packages are the same however their words are joined."""
    return name.lower().replace("_", "-").replace(".", "-")
