"""Large uploads: through a process of its own, whose memory is looked at, and again to the next key when the first fails."""

import asyncio
import hashlib
import json
import re
from pathlib import Path

from tests.journeys.families.families import family_configuration, wav
from tests.journeys.running import VIRTUAL_KEY
from tests.journeys.served import Served, Start
from tests.ports import free_port
from tests.soak import FACTOR

from omnillm.testing import FakeProvider, Fault

MEGABYTE = 1024 * 1024
SIZE = (100 if FACTOR > 1 else 20) * MEGABYTE
MOST_MEMORY = 32 * MEGABYTE
HEAD = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nopenai/whisper-1\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"


def memory(served: Served, what: str) -> int:
    """Bytes: `VmRSS` now, `VmHWM` at most since the start."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{served.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def upload(port: int, opening: bytes, size: int) -> tuple[int, bytes]:
    """(status, body) of a file that begins so, goes on with zeros, and is never held here either."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = len(HEAD) + size + len(TAIL)
    head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {VIRTUAL_KEY}\r\nconnection: close\r\n"
    head += f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n\r\n"
    writer.write(head.encode() + HEAD + opening)
    left, zeros = size - len(opening), bytes(MEGABYTE)
    while left:
        writer.write(zeros[:left])
        left -= min(left, MEGABYTE)
        await writer.drain()
    writer.write(TAIL)
    reply = await reader.read()
    writer.close()
    head_read, _, body = reply.partition(b"\r\n\r\n")
    return int(head_read[9:12]), body


async def test_a_large_upload_is_not_held_in_memory(start: Start, provider: FakeProvider, tmp_path: Path) -> None:
    """20 MB (100 under SOAK) reach the second key whole after the first failed, and the process has grown by less than 32 MB at its peak."""
    port = free_port()
    path = tmp_path / "omnillm.yaml"
    text = family_configuration(provider, limit_usd="100000").replace("port: 0", f"port: {port}")
    path.write_text(text)
    served = await start(path, port)
    opening = wav(0)
    assert (await upload(port, opening, MEGABYTE // 2))[0] == 200, "a small one first, so that everything is loaded"
    before = memory(served, "VmRSS")
    provider.enqueue(Fault.status(500), None)
    status, body = await upload(port, opening, SIZE)
    assert status == 200
    expected = hashlib.sha256(opening + bytes(SIZE - len(opening))).hexdigest()[:16]
    assert json.loads(body)["text"] == f"The file says {expected}."
    assert len(provider.log) == 3
    assert memory(served, "VmHWM") - before < MOST_MEMORY
    print(f"peak above rest: {(memory(served, 'VmHWM') - before) / MEGABYTE:.1f} MB")
