"""The pepper lies beside a ledger's file, not in it. So someone who can only write the database cannot make a virtual key."""

import os
import secrets
from pathlib import Path
from typing import Final

from omnillm.errors import ConfigError

BYTES: Final = 32


def keep(ledger: Path) -> bytes:
    """The pepper in `<ledger>.pepper`, made if there is none: whole on disk, or not there. The ledger's lock is held."""
    path = Path(f"{ledger}.pepper")
    try:
        if not path.exists():
            _make(path)
        pepper = bytes.fromhex(path.read_text("ascii"))
    except OSError as error:
        raise ConfigError(f"the pepper of the virtual keys cannot be kept at {path}: {error.strerror}") from error
    except ValueError:
        pepper = b""
    if len(pepper) != BYTES:
        raise ConfigError(f"{path} is damaged: bring it back from a backup; without it every virtual key in the ledger needs a new secret")
    return pepper


def _make(path: Path) -> None:
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
