"""A whole `omnillm serve` in a process that is forked, so that it starts at once, and is told by signals what to do."""

import os
import sys
from pathlib import Path

from omnillm.cli.serve import serve


def serve_until_told(path: Path, trusted: Path) -> None:
    """By that file, its streams written beside it; `trusted` signs for its providers."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        written = os.open(path.with_name(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(written, descriptor)
        os.close(written)
    os.environ["SSL_CERT_FILE"] = str(trusted)
    serve(path)
    sys.stdout.flush()
