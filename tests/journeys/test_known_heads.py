"""A head that came before leads to the same call as when it was read: on its connection, and on any other."""

import pytest
from tests.journeys.running import Running, Serve, configuration
from tests.journeys.wire import Line, Question, Reply, ask, exchange

from omnillm.testing import FakeProvider

DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
FIELDS = {
    "user-agent": "An/SDK 1.2",
    "x-stainless-lang": "python",
    "x-stainless-unheard-of": "yes",
    "anthropic-beta": "a-beta",
    "openai-beta": "b-beta",
    "cookie": "session=1",
    "x-forwarded-for": "10.0.0.1",
    "x-omnillm-tags": "team=a",
    "x-omnillm-session": "s-1",
}


async def again(line: Line, question: Question) -> Reply:
    line.status = 0
    line.writer.write(question.raw)
    return await line.rest()


async def each_way(gateway: Running, question: Question) -> list[Reply]:
    """Read, twice; known on the connection that brought it; known on another; and once more there."""
    replies = [await exchange(gateway.port, question)]
    for _ in range(2):
        line = await Line.open(gateway.port, question)
        replies += [await line.rest(), await again(line, question)]
        await line.close()
    return replies


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_call_is_the_same(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """What its provider is told, and what the ledger says of it."""
    gateway = await serve(configuration(provider))
    question = ask(dialect, "Hello", cap=20, headers=FIELDS)
    replies = await each_way(gateway, question)
    assert [reply.status for reply in replies] == [200] * 5
    told = [(logged.path, logged.headers, logged.body) for logged in provider.log]
    assert told == [told[0]] * 5
    assert told[0][1][b"x-stainless-unheard-of"] == b"yes"
    assert not {b"cookie", b"x-forwarded-for", b"x-omnillm-tags"} & told[0][1].keys()
    await gateway.program.store.flush()
    rows = await gateway.program.store.requests(limit=9, before="")
    assert {(row.caller, row.protocol, row.operation, row.tags, row.session) for row in rows} == {
        ("journey", rows[0].protocol, "generate", "team=a", "s-1")
    }
    assert len(rows) == 5


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_error_is_told_in_its_protocol(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """Of a call that is refused, and of a body that cannot be read."""
    gateway = await serve(configuration(provider))
    good = ask(dialect, "Hello", cap=20)
    await each_way(gateway, good)
    head, _, body = good.raw.partition(b"\r\n\r\n")
    broken = Question(dialect, head + b"\r\n\r\n" + b"{" * len(body))
    errors = [(reply.status, reply.error["message"]) for reply in await each_way(gateway, broken)]
    assert errors == [errors[0]] * 5
    assert errors[0][0] == 400


async def test_a_body_that_waits_to_be_asked_for_is_asked_for(serve: Serve, provider: FakeProvider) -> None:
    """`Expect: 100-continue` of a known head, too."""
    gateway = await serve(configuration(provider))
    question = ask("openai_chat", "Hello", cap=20, headers={"expect": "100-continue"})
    head, _, body = question.raw.partition(b"\r\n\r\n")
    for _ in range(4):
        line = await Line.open(gateway.port, Question("openai_chat", head + b"\r\n\r\n"))
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.writer.write(body)
        assert (await line.rest()).status == 200
        await line.close()


async def test_a_connection_ends_where_its_client_said_so(serve: Serve, provider: FakeProvider) -> None:
    """`Connection: close` of a known head, too."""
    gateway = await serve(configuration(provider))
    question = ask("openai_chat", "Hello", cap=20, headers={"connection": "close"})
    for _ in range(4):
        line = await Line.open(gateway.port, question)
        reply = await line.rest()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await line.reader.read() == b""
        await line.close()


async def test_what_a_head_cannot_have_is_refused_each_time(serve: Serve, provider: FakeProvider) -> None:
    """Such a head is never known."""
    gateway = await serve(configuration(provider))
    question = ask("openai_chat", "Hello", cap=20, headers={"x-omnillm-timeout-ms": "soon"})
    for _ in range(3):
        assert (await exchange(gateway.port, question)).status == 400
    assert len(gateway.service.server._fronts[0]._crowd.heads) == 0
    assert not provider.log
