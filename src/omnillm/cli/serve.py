"""`omnillm serve`."""

import os
import signal
import sys
from pathlib import Path

from omnillm.cli.options import CONFIG


def serve(config: Path = CONFIG) -> None:
    """Run the server until SIGTERM. SIGHUP applies a changed configuration."""
    import uvloop

    from omnillm.assemble import hold_standard_files, serve_forever
    from omnillm.config.load import load

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heeded: the file that it asks to read is being read
    hold_standard_files()
    settings = load(config, os.environ)
    uvloop.run(serve_forever(settings, reload=lambda: load(config, os.environ)))


def _leave(*_: object) -> None:
    """Until the server heeds the signal. The first process of a container would else not be ended by it, as long as it stands by."""
    sys.exit(0)
