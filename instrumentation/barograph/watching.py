"""`Monitor.watch`: a function that predicts, watched."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from barograph.errors import ConfigError
from barograph.guard import CONFIGURATION, guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph.calls import Call

P = ParamSpec("P")
R = TypeVar("R")


class _Arguments:
    """Finds arguments of a function by the names of its parameters."""

    def __init__(self, function: Callable[..., object], names: dict[str, str | None]) -> None:
        parameters = list(inspect.signature(function).parameters)
        own = [name for name in parameters if name not in ("self", "cls")]
        if names["features"] is None and own:
            names = names | {"features": own[0]}
        unknown = [name for name in names.values() if name is not None and name not in parameters]
        if unknown:
            raise ConfigError(
                f"watch: got {unknown[0]!r}; wanted a parameter of the function: {', '.join(parameters)}"
            )
        self._places = {
            role: (name, parameters.index(name)) for role, name in names.items() if name is not None
        }

    def find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by role."""
        return {
            role: args[place] if place < len(args) else kwargs.get(name)
            for role, (name, place) in self._places.items()
        }


def watched(  # noqa: PLR0913 - one argument a fact
    start: Callable[..., Call],
    function: Callable[P, R],
    *,
    features: str | None,
    ids: str | None,
    times: str | None,
    returns: str,
    operation: str | None,
) -> Callable[P, R]:
    """The function, each call recorded; itself where its parameters don't fit (strict mode raises)."""
    try:
        arguments = _Arguments(function, {"features": features, "ids": ids, "times": times})
    except (ConfigError, TypeError, ValueError) as error:
        guard.fault(CONFIGURATION, error)
        return function
    name = operation or str(getattr(function, "__name__", "predict"))

    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        found = arguments.find(args, kwargs)
        return start(found.get("features"), ids=found.get("ids"), times=found.get("times"), operation=name)

    def end(call: Call, result: object) -> None:
        if returns == "scores":
            call.stop(scores=result)
        else:
            call.stop(result)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - passed on
            call = begin(args, kwargs)
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                call.fail(error)
                raise
            end(call, result)
            return result

        return cast("Callable[P, R]", asynchronous)

    @functools.wraps(function)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        call = begin(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        end(call, result)
        return result

    return plain
