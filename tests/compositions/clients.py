"""What a client does with one request of a situation: it reads, waits, talks, or leaves at some moment."""

import asyncio
import ssl
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec
from tests.compositions.asking import LIVE, Asked, written
from tests.journeys.live import SETUP, Talk
from tests.journeys.wire import Line, Reply
from tests.leaving.wires import part
from websockets.protocol import State

if TYPE_CHECKING:
    from tests.compositions.situation import Situation

HAPPENS: Final = {0, 200, 400, 401, 402, 403, 404, 409, 413, 422, 429, 502, 503, 504, 529}
"""What a repetition may be told."""
QUIET_S: Final = 0.15
"""Whoever has not ended by then waits for something that nobody else brings."""


class Heard(msgspec.Struct, kw_only=True):
    """What a client was told."""

    asked: Asked
    reply: Reply | None = None
    """None: it left, or was left."""
    is_new: bool = True
    """Its connection has borne no other request."""
    event: str = ""
    """What happened beside."""
    has_read: bool = False
    """It has waited for the end."""


async def call(it: "Situation", asked: Asked) -> None:
    """Make the request as its choice says; what its client was told is noted."""
    heard = Heard(asked=asked, event=it.happened[-1].partition(" ")[0])
    it.heard.append(heard)
    await it.wait_a_little()
    try:
        line = await _line_for(it, asked, heard)
        try:
            if asked.kind in LIVE:
                await _talk(line, heard)
            else:
                await _exchange(it, line, heard)
            if heard.has_read and heard.reply is not None and heard.reply.is_whole and asked.kind not in LIVE:
                it.kept.append(line)
        finally:
            if line not in it.kept:
                line.reset()
    except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
        pass  # the gateway has ended, or never began to answer
    if heard.reply is not None:
        it.told += [heard.reply.body, repr(heard.reply.headers).encode()]


async def _exchange(it: "Situation", line: Line, heard: Heard) -> None:
    asked, dice = heard.asked, Random(heard.asked.number)
    end, raw = asked.choice["end"], asked.raw
    if end == "in the request":
        line.writer.write(raw[: dice.randrange(1, len(raw))])
        await it.wait_a_little()
        leave(line, is_reset=dice.random() < 0.5)
        return
    line.writer.write(raw)
    if asked.choice["connection"] == "piped" and end in {"read", "late", "half", "at once"}:
        line.writer.write(raw if asked.idempotency_key else written("GET", "/v1/models", asked.secret, {}))
    match end:
        case "at once":
            await it.wait_a_little()
        case "bytes":
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S * 2):
                    await line.reader.readexactly(dice.choice([1, 100, 700, 1200, 2000, 4000]))
            leave(line, is_reset=dice.random() < 0.5)
        case "half" if it.first["front"] == "plain":
            await it.wait_a_little()
            if not line.writer.is_closing():
                line.writer.write_eof()
            await line.reader.read()
        case "late":
            while await line.head() < 200:
                pass
            await it.later.wait()
            await _read(it, line, heard)
        case _:
            await _read(it, line, heard)


async def _read(it: "Situation", line: Line, heard: Heard) -> None:
    heard.reply = reply = await read_rest(line)
    heard.has_read = True
    if reply.status == 200 and reply.is_whole and reply.headers.get("content-type", "").startswith("application/json"):
        it.asker.note(heard.asked, reply.json)
    if heard.asked.choice["connection"] == "piped" and reply.is_whole and reply.headers.get("connection") != "close":
        behind = await read_rest(Line(line.reader, line.writer, heard.asked.dialect))
        assert behind.status in ({200, 401} if not heard.asked.idempotency_key else HAPPENS), (heard.asked, reply, behind)


async def _talk(line: Line, heard: Heard) -> None:
    """Set up, one turn, and an end of some kind."""
    asked, dice = heard.asked, Random(heard.asked.number)
    talk = Talk(line.reader, line.writer)
    line.writer.write(asked.raw)
    if await talk.answer() != 101:
        heard.reply, heard.has_read = Reply(asked.dialect, talk.status, talk.headers, talk.body, True), True
        return
    if asked.choice["end"] == "at once":
        return
    is_gemini = asked.kind == "live gemini"
    if is_gemini:
        talk.say({"setup": {**SETUP["setup"], "model": f"models/{asked.choice['model']}"}})
    turns = dice.randrange(1, 3)
    for _ in range(turns):
        said = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "turnComplete": True}}
        if talk.protocol.state is not State.OPEN:
            return
        talk.say(said if is_gemini else {"type": "response.create", "response": {"output_modalities": ["text"]}})
        while (message := await talk.hear()) is not None:
            if asked.choice["end"] in {"bytes", "half", "in the request"}:
                return
            if b'"response.done"' in message[0] or b"turnComplete" in message[0]:
                break
        else:
            return
    if talk.protocol.state is State.OPEN:
        await asyncio.wait_for(talk.close(), 5)


async def _line_for(it: "Situation", asked: Asked, heard: Heard) -> Line:
    while asked.choice["connection"] == "kept" and it.kept:
        kept = it.kept.pop()
        if not (kept.writer.is_closing() or kept.reader.at_eof()):
            heard.is_new = False
            return Line(kept.reader, kept.writer, asked.dialect)
        kept.reset()
    return await it.connect(it.port, asked.dialect)


async def read_rest(line: Line) -> Reply:
    """All of a reply, whichever way it is framed."""
    while not line.status or line.status < 200:
        try:
            await line.head()
        except asyncio.IncompleteReadError:
            return await line.rest()
    if "content-length" in line.headers or "transfer-encoding" in line.headers:
        return await line.rest()
    return Reply(line._dialect, line.status, line.headers, await line.reader.read(), True)


def leave(line: Line, *, is_reset: bool) -> None:
    """Hang up, unless the gateway has."""
    if not line.writer.is_closing():
        part(line.writer.transport, is_reset=is_reset)
