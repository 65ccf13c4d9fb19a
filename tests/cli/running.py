"""What a command told, whichever way it was run."""

from collections.abc import Callable

import msgspec


class Ran(msgspec.Struct, frozen=True):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ran]
