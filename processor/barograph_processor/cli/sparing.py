"""Memory and time that libraries take of a process which runs for months, and which it doesn't need."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import LazyLoader, find_spec, module_from_spec

# `scipy.special` copies the namespace of numpy, and so loads numpy's compiler of Fortran and its test tools.
# Nothing here uses them; what several threads may use at once mustn't be loaded this way before Python 3.12.
LATER = (
    "numpy.ctypeslib",
    "numpy.f2py",
    "numpy.polynomial",
    "numpy.testing",
)
_POOL = "ARROW_DEFAULT_MEMORY_POOL"


def spare_memory() -> None:
    """Called before anything else is loaded, in our own processes only: modules of others are theirs.

    Modules of `LATER` are loaded when they are first used. Arrow takes memory from the C library, which gives
    it back and shares it with all else, unless the environment chooses another pool: for batches of a few
    hundred rows its own pool keeps 8 MB in reserve.
    """
    os.environ.setdefault(_POOL, "system")
    for name in LATER:
        _load_later(name)


def _load_later(name: str) -> None:
    parent, _, child = name.rpartition(".")
    package = import_module(parent)
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:  # loaded already, or not in this version
        return
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    setattr(package, child, module)  # as importing does; without it numpy would ask for it again and again
