"""Bodies that may be large. Up to a mebibyte they stay in memory; longer ones lie in a file without a name.

They can be read from any offset, any number of times. A file of the caller's own is sent from where it lies.
"""

import os
import tempfile
from collections.abc import Callable
from mmap import ACCESS_READ, mmap
from typing import Final, Self

from omnillm.errors import Unavailable

MEMORY_BYTES: Final = 1024 * 1024


class Spool:
    """Grows by `+=`. Its file is gone when nothing refers to the spool any more.

    Writes go to the page cache, a few hundred kilobytes at a time: no thread is worth that.
    """

    __slots__ = ("_file", "_memory", "_size")

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file = -1
        self._size = 0

    def __iadd__(self, piece: bytes) -> Self:
        self._size += len(piece)
        if self._file >= 0:
            _write(self._file, piece)
            return self
        self._memory += piece
        if self._size > MEMORY_BYTES:
            self._file, path = tempfile.mkstemp(prefix="omnillm-")
            os.unlink(path)  # noqa: PTH108  nothing is left behind, however the process ends
            _write(self._file, bytes(self._memory))
            self._memory.clear()
        return self

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._memory)

    @property
    def is_on_disk(self) -> bool:
        return self._file >= 0

    def read_at(self, offset: int, size: int) -> bytes:
        if self._file >= 0:
            return os.pread(self._file, size, offset)
        return bytes(self._memory[offset : offset + size])

    def view(self) -> mmap:
        """All of a spool that is on disk, mapped into memory."""
        return mmap(self._file, 0, access=ACCESS_READ)


def _write(file: int, piece: bytes) -> None:
    """Unavailable: the disk is full, or cannot be written."""
    view = memoryview(piece)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError as error:
        raise Unavailable(f"The upload cannot be kept on disk: {error.strerror}.", code="overloaded", retry_after_s=1.0) from error


class Spliced:
    """A spool with one part replaced."""

    __slots__ = ("_end", "_spool", "_start", "_words")

    def __init__(self, spool: Spool, start: int, end: int, words: bytes) -> None:
        """`words` replace what lies from `start` to `end`."""
        self._spool = spool
        self._start, self._end, self._words = start, end, words

    def __len__(self) -> int:
        return len(self._spool) - (self._end - self._start) + len(self._words)

    def read_at(self, offset: int, size: int) -> bytes:
        """At least one byte and at most `size`, or b"" at the end."""
        if offset < self._start:
            return self._spool.read_at(offset, min(size, self._start - offset))
        behind = offset - self._start - len(self._words)
        if behind < 0:
            return self._words[offset - self._start :][:size]
        return self._spool.read_at(self._end + behind, size)


class FileBody:
    """A file that is sent from where it lies, between what is written before and after it (a form). OSError: it cannot be read."""

    __slots__ = ("_after", "_before", "_file", "_size")

    def __init__(self, path: str, before: bytes = b"", after: bytes = b"") -> None:
        self._file = -1
        self._file = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._file).st_size
        self._before = before
        self._after = after

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; b"" before the end: the file became shorter."""
        start = len(self._before)
        if offset < start:
            return self._before[offset : offset + size]
        if offset < start + self._size:
            return os.pread(self._file, min(size, start + self._size - offset), offset - start)
        offset -= start + self._size
        return self._after[offset : offset + size]


Body = bytes | Spool | Spliced | FileBody


class Unsent:
    """What is left of a body that is being sent, slice by slice."""

    __slots__ = ("_at", "_read_at", "_size")

    def __init__(self, body: Body) -> None:
        self._read_at: Callable[[int, int], bytes | memoryview] = _slicing(body) if isinstance(body, bytes) else body.read_at
        self._size = len(body)
        self._at = 0

    def take(self, size: int) -> bytes | memoryview:
        piece = self._read_at(self._at, size)
        self._at += len(piece)
        return piece

    @property
    def is_empty(self) -> bool:
        return self._at >= self._size


def _slicing(body: bytes) -> Callable[[int, int], memoryview]:
    view = memoryview(body)
    return lambda offset, size: view[offset : offset + size]
