"""The lock beside a ledger in a file: it keeps a second process out, and ends with its holder."""

import fcntl
import os
from pathlib import Path

from omnillm.errors import ConfigError
from omnillm.stores.store import InUse


def lock(path: Path) -> int:
    """Take `<path>.lock` for this process; returns its descriptor, for `unlock`. Raises ConfigError when it is taken."""
    name = f"{path}.lock"
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"the ledger cannot be kept at {path}: {error.strerror} ({name})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise InUse(
            f"the ledger {path} is in use by another process, or by another gateway of this one (which holds {name}): stop or close "
            "that one, or give this one a store of its own; workers that share limits and a ledger share one `omnillm serve`"
        ) from error
    except OSError as error:  # of a network's file system, whose server has no locks
        os.close(descriptor)
        raise ConfigError(
            f"the ledger {path} cannot be locked ({name}: {error.strerror}): keep it on a disk of this machine, or in PostgreSQL"
        ) from error
    return descriptor


def unlock(descriptor: int) -> None:
    """Also where processes that were forked meanwhile have the descriptor, too: closing it here alone would leave the lock with them."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
