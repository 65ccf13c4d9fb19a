"""Bodies that are not held in memory: the same bytes from memory and from disk, at any place, as often as it takes."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnillm.errors import Unavailable, UpstreamLost
from omnillm.transport.spool import MEMORY_BYTES, Body, FileBody, Spliced, Spool, Unsent


def spool(content: bytes, *, pad: int = 0) -> Spool:
    made = Spool()
    made += bytes(pad)
    made += content
    return made


def read(body: Body, size: int) -> bytes:
    unsent, found = Unsent(body), b""
    while not unsent.is_empty:
        piece = unsent.take(size)
        assert piece
        found += piece
    return found


@given(
    content=st.binary(min_size=1, max_size=60),
    cut=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    words=st.binary(max_size=9),
    size=st.integers(1, 70),
)
def test_a_spliced_body_is_its_parts_joined(content: bytes, cut: tuple[int, int], words: bytes, size: int) -> None:
    """Whatever is replaced, and in slices of any size; and the spool itself stays as it was."""
    start, end = sorted(min(place, len(content)) for place in cut)
    made = spool(content)
    spliced = Spliced(made, start, end, words)
    expected = content[:start] + words + content[end:]
    assert len(spliced) == len(expected)
    assert read(spliced, size) == expected
    assert read(made, size) == content == read(content, size)


def test_beyond_a_mebibyte_it_is_on_disk_and_holds_nothing() -> None:
    """In a file without a name, which ends with the spool."""
    made = spool(b"end", pad=MEMORY_BYTES)
    assert made.is_on_disk
    assert made.held == 0
    assert made.read_at(MEMORY_BYTES - 1, 10) == b"\0end"
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert sum(map(len, (read(made, 1 << 18),))) == MEMORY_BYTES + 3
    del made
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1


def test_a_small_one_has_no_file() -> None:
    """Most forms are."""
    assert not spool(b"x", pad=MEMORY_BYTES - 1).is_on_disk


def test_a_full_disk_is_said() -> None:
    """503, not a crash."""
    made = spool(b"x", pad=MEMORY_BYTES)
    os.close(made._file)
    made._file = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(Unavailable, match="cannot be kept on disk"):
        made += b"more"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_file_is_sent_between_what_stands_around_it(size: int, tmp_path: Path) -> None:
    """In slices of any size, as often as it takes; an empty one too."""
    path = tmp_path / "deep"
    for content in (b"0123456789", b""):
        path.write_bytes(content)
        body = FileBody(str(path), b"before", b"after")
        assert len(body) == 11 + len(content)
        assert read(body, size) == read(body, size) == b"before" + content + b"after"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Once: nothing of it is left that would have to be closed."""
    with pytest.raises(FileNotFoundError):
        FileBody(str(tmp_path / "nowhere"))


async def test_a_file_that_becomes_shorter_ends_the_connection(wire, tmp_path: Path) -> None:
    """What was promised cannot be sent, so the request is broken off, and nothing waits for ever."""
    path, heard = tmp_path / "deep", []

    async def handler(reader, writer) -> None:
        heard.append(await reader.read(-1))

    path.write_bytes(bytes(3_000_000))
    body = FileBody(str(path))
    os.truncate(path, 1_000_000)
    with pytest.raises(UpstreamLost):
        await wire.client().send(wire.ask(await wire.serve(handler), body=body))
    await wire.until(lambda: heard)
    assert len(heard[0]) < 1_100_000
