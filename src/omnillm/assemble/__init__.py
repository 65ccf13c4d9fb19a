"""Settings -> every object of the program, wired. The only place that knows them all, and the only one that reads clock and dice."""

from omnillm.assemble.explain import explain_model, unpriced
from omnillm.assemble.files import hold_standard_files
from omnillm.assemble.program import Program
from omnillm.assemble.service import Service, cannot_listen, serve_forever
from omnillm.assemble.system import SystemClock

__all__ = ["Program", "Service", "SystemClock", "cannot_listen", "explain_model", "hold_standard_files", "serve_forever", "unpriced"]
