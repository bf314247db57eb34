"""Methods of a library's classes wrapped, also of classes that don't exist yet, and all of it undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

from barograph.guard import CONFIGURATION, guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ABSENT = object()


class Wrappings:
    """What one instrumentor has wrapped.

    A failure leaves out the class or method that it concerns, and is counted: the import of a
    library must not fail because of us.
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._seen: set[tuple[type, str]] = set()
        self._is_over = False

    def attempt(self, work: Callable[[], None]) -> None:
        """Do something unless all is undone; survive its failure. In strict mode the next `flush` raises."""
        if self._is_over:
            return
        try:
            work()
        except Exception as error:  # noqa: BLE001 - an import must not fail because of us
            guard.background_fault(CONFIGURATION, error)

    def method(self, owner: type, name: str, wrapper: Callable[..., Any]) -> None:
        """Wrap a method that stands in the class itself; others, and what is no method, stay as they are."""
        original: Any = owner.__dict__.get(name)
        if (owner, name) in self._seen or not hasattr(original, "__get__"):
            return
        self._seen.add((owner, name))
        setattr(owner, name, wrapt.FunctionWrapper(original, wrapper))
        self._undo.append(lambda: setattr(owner, name, original))

    def subclasses(self, base: type, found: Callable[[type], None]) -> None:
        """Call `found` with the class, with each of its subclasses, and with every later one."""
        for one in set(_family(base)):
            self.attempt(lambda one=one: found(one))  # type: ignore[misc] # mypy can't infer such a lambda
        original: Any = base.__dict__.get("__init_subclass__", _ABSENT)

        def __init_subclass__(cls: Any, /, **arguments: object) -> None:  # noqa: ANN401, N807
            if original is not _ABSENT:
                original.__get__(None, cls)(**arguments)
            else:
                inherited: Any = super(base, cls)
                inherited.__init_subclass__(**arguments)
            self.attempt(lambda: found(cls))

        setattr(base, "__init_subclass__", classmethod(__init_subclass__))  # noqa: B010
        if original is _ABSENT:
            self._undo.append(lambda: delattr(base, "__init_subclass__"))
        else:
            self._undo.append(lambda: setattr(base, "__init_subclass__", original))

    def undo(self) -> None:
        """Put everything back; later calls of `attempt` do nothing."""
        for one in reversed(self._undo):
            self.attempt(one)
        self._is_over = True
        self._undo = []
        self._seen = set()


def _family(base: type) -> Iterator[type]:
    yield base
    children: list[type] = type.__subclasses__(base)
    for child in children:
        yield from _family(child)
