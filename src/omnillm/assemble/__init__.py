"""Settings -> every object of the program, wired. The only place that knows them all, and the only one that reads clock and dice.

What only a server needs is imported when it is used first: a program with a `Gateway` loads no HTTP front, no Starlette and no metrics.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from omnillm.assemble.program import Program
from omnillm.assemble.system import SystemClock

if TYPE_CHECKING:
    from omnillm.assemble.explain import explain_model, unpriced
    from omnillm.assemble.files import hold_standard_files
    from omnillm.assemble.service import Service, cannot_listen, serve_forever

__all__ = ["Program", "Service", "SystemClock", "cannot_listen", "explain_model", "hold_standard_files", "serve_forever", "unpriced"]

_HOMES = {
    "explain": ("explain_model", "unpriced"),
    "files": ("hold_standard_files",),
    "service": ("Service", "cannot_listen", "serve_forever"),
}
_HOME_OF = {name: f"omnillm.assemble.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """PEP 562, as in `omnillm`."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'omnillm.assemble' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
