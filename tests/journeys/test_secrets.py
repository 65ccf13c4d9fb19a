"""No secret ever appears: not in a reply, a header, a log line, a metric, an error, a `repr`, or the ledger's file."""

import logging
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from tests.journeys.running import ADMIN_KEY, VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.served import Start
from tests.journeys.test_operations import get
from tests.journeys.wire import DIALECTS, Question, ask, exchange
from tests.ports import free_port

from omnillm.config.load import parse
from omnillm.gateway.call import Call, Caller
from omnillm.protocols.members import read_members
from omnillm.protocols.registry import PROTOCOLS
from omnillm.server.front.requests import Request
from omnillm.testing import FAULTS, Behaviour, FakeProvider
from omnillm.transport.client import Origin, Outgoing
from omnillm.transport.timeouts import Timeouts

PROVIDER_KEY, HEADER, PEPPER = "sk-canary-provider-31415926", "canary-header-27182818", "canary-pepper-16180339"
CANARIES = (PROVIDER_KEY, HEADER, PEPPER, VIRTUAL_KEY, ADMIN_KEY)
PROMPT = "canary-prompt-14142135"
QUIET = sorted(name for name in FAULTS if name not in {"one_byte", "slow", "huge_event", "empty_events"})
"""Faults that do not take their time, or megabytes."""


@pytest.fixture
async def fake():
    async with FakeProvider(keys={PROVIDER_KEY: Behaviour(words=3)}) as provider:
        yield provider


def secretive(fake: FakeProvider, tmp_path: Path) -> str:
    """A configuration with a secret in every slot: one provider's key stands in a header field, one's in a field of its own, one's in the URL."""
    text = configuration(fake, keys={"good": f"key: {PROVIDER_KEY}"}, store=f"sqlite:///{tmp_path}/ledger.db", queue="0s")
    timeouts = "timeouts: {first_byte: 50ms, idle: 50ms, total: 100ms}"
    return (
        text.replace("durability: relaxed", f"durability: relaxed, pepper: {PEPPER}")
        .replace("kind: openai,", f"kind: openai, headers: {{x-extra: {HEADER}}}, {timeouts},")
        .replace("kind: anthropic,", f"kind: anthropic, {timeouts},")
        .replace("kind: gemini,", f"kind: gemini, auth: {{query: key}}, {timeouts},")
    )


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider, tmp_path: Path) -> Running:
    return await serve(secretive(fake, tmp_path))


def objects(root: object) -> Iterator[object]:
    """Every object of the package that can be reached from `root`."""
    seen: dict[int, object] = {}
    left = [root]
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | str | bytes | int | float | None):
            continue
        seen[id(each)] = each
        if isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        elif type(each).__module__.startswith("omnillm"):
            yield each
            names = [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ())]
            left += [
                getattr(each, name, None) for name in (*names, *getattr(each, "__struct_fields__", ()), *getattr(each, "__dict__", ()))
            ]


async def test_no_reply_log_or_ledger_tells_a_secret(
    gateway: Running, fake: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Through successes, every way of failing, the admin API, metrics, logs and the ledger's bytes."""
    caplog.set_level(logging.DEBUG)
    seen: list[bytes] = []
    for place, fault in enumerate(("", *QUIET)):
        for dialect in DIALECTS if not fault else (DIALECTS[place % 4], DIALECTS[(place + 1) % 4]):
            for is_stream in (False, True):
                if fault:
                    fake.enqueue(FAULTS[fault])
                reply = await exchange(gateway.port, ask(dialect, PROMPT if not fault else "Hello", is_stream=is_stream))
                seen += [reply.body if fault else b"", repr(reply.headers).encode()]
                for provider in ("openai", "anthropic", "gemini"):
                    gateway.program.controller.revive(provider, "good", gateway.program.clock.now())
    assert {logged.fault for logged in fake.log} >= set(QUIET)
    for raw in (
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        f"POST /v1/chat/completions?key={VIRTUAL_KEY}x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode(),
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\ncontent-length: 0\r\n\r\n".encode(),
        f"GET /admin/v1/pools HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {VIRTUAL_KEY}\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nhost: x\r\nauthorization: {ADMIN_KEY}\r\n folded\r\n\r\n".encode(),
    ):
        seen.append((await exchange(gateway.port, Question("openai_chat", raw))).body)
    for path in ("/admin/v1/pools", "/admin/v1/usage", "/admin/v1/requests?limit=500", "/admin/v1/budgets", "/metrics", "/readyz"):
        seen.append((await get(gateway, path)).body)
    for row in await gateway.program.store.requests(limit=500, before=""):
        seen.append((await get(gateway, f"/admin/v1/requests/{row.request_id}")).body)
    await gateway.program.store.flush()
    gateway.close_log()
    seen += [gateway.log.getvalue(), caplog.text.encode()]
    seen += [path.read_bytes() for path in tmp_path.iterdir()]
    everything = b"\n".join(seen)
    assert len(everything) > 100_000
    for canary in (*CANARIES, PROMPT):
        assert canary.encode() not in everything, canary


async def test_no_object_shows_a_secret_of_its_own(gateway: Running) -> None:
    """Whatever is printed by a debugger, an assertion or a careless log line."""
    assert (await exchange(gateway.port, ask("openai_chat", PROMPT))).status == 200
    found = list(objects(gateway.service))
    assert {type(each).__name__ for each in found} >= {
        "Settings",
        "Sender",
        "Endpoint",
        "Authenticator",
        "AdminAuthenticator",
        "HttpClient",
    }
    for each in found:
        shown = f"{each!r} {each}"
        assert not [canary for canary in (*CANARIES, PROMPT) if canary in shown], type(each)


def test_no_message_under_way_shows_what_it_carries() -> None:
    """Requests, calls and what is sent: their `repr` has neither credential nor prompt."""
    secret, prompt = PROVIDER_KEY.encode(), PROMPT.encode()
    origin = Origin.of("http://127.0.0.1:1")
    outgoing = Outgoing(origin=origin, method=b"POST", head=secret, body=prompt, timeouts=Timeouts(), is_stream=False)
    headers = {b"authorization": secret}
    request = Request(
        method="POST", target=secret, path="/v1/messages", query=f"key={PROVIDER_KEY}", headers=headers, http_minor=1, peer="", body=prompt
    )
    body = b'{"model":"fast","messages":["%b"]}' % prompt
    members = read_members(body)
    chat = PROTOCOLS["openai_chat"]
    call = Call(
        protocol=chat,
        operation="generate",
        caller=Caller(name="someone"),
        model="fast",
        is_stream=False,
        peek=chat.peek_request(members),
        members=members,
        body=body,
        headers=headers,
        started_at=0.0,
        wall=0.0,
        deadline=0.0,
    )
    shown = f"{outgoing!r} {request!r} {call!r}"
    assert "canary" not in shown
    assert shown == "Outgoing(POST to 127.0.0.1) Request(POST '/v1/messages') Call(openai_chat, 'fast' for 'someone')"


async def test_a_process_tells_no_secret(start: Start, fake: FakeProvider, tmp_path: Path) -> None:
    """Not on its two streams, at the most talkative level, through start, calls, reloads good and bad, and its end."""
    port = free_port()
    path = tmp_path / "omnillm.yaml"
    text = (
        secretive(fake, tmp_path).replace("port: 0", f"port: {port}").replace("drain: 2s", "drain: 2s, log: {format: json, level: debug}")
    )
    path.write_text(text)
    served = await start(path, port)
    for fault in ("", "status_401", "status_400", "reset_mid_body", "html_in_200"):
        if fault:
            fake.enqueue(FAULTS[fault])
        for is_stream in (False, True):
            await exchange(port, ask("gemini", PROMPT, is_stream=is_stream))
    for changed, words in ((text, "is applied"), (text.replace(f"key: {PROVIDER_KEY}", f"key: '{PROVIDER_KEY} '"), "is not applied")):
        path.write_text(changed)
        served.signal(signal.SIGHUP)
        await served.until_told(words)
    served.signal(signal.SIGTERM)
    assert await served.ended() == 0
    told = served.stdout + served.stderr
    assert told.count('"event":"call"') == 10
    assert not [canary for canary in (*CANARIES, PROMPT) if canary in told]


async def test_a_providers_own_secrets_stay_with_us(gateway: Running) -> None:
    """Its cookies, its organisation and its limits say nothing to a client."""
    for dialect in DIALECTS:
        reply = await exchange(gateway.port, ask(dialect, "Hello"))
        assert reply.status == 200
        assert not {"set-cookie", "openai-organization", "anthropic-organization-id", "server"} & reply.headers.keys()


async def test_a_clients_credential_stays_with_us(gateway: Running, fake: FakeProvider) -> None:
    """The provider sees its own key and what the allowlist lets through, and nothing else of the client's."""
    headers = {
        "cookie": "a=b",
        "x-forwarded-for": "1.2.3.4",
        "x-api-key": VIRTUAL_KEY,
        "openai-beta": "assistants=v2",
        "x-secret-thing": "1",
    }
    assert (await exchange(gateway.port, ask("openai_chat", "Hello", headers=headers))).status == 200
    sent = fake.log[-1].headers
    assert sent[b"authorization"] == f"Bearer {PROVIDER_KEY}".encode()
    assert sent[b"openai-beta"] == b"assistants=v2"
    assert sent[b"accept-encoding"] == b"identity"
    assert not {b"cookie", b"x-forwarded-for", b"x-api-key", b"x-secret-thing", b"x-omnillm-session"} & sent.keys()
    assert VIRTUAL_KEY.encode() not in b"".join(sent.values())


def test_an_error_in_the_configuration_shows_no_secret() -> None:
    """A message that quotes the file leaves the secret out."""
    text = f"providers: {{openai: {{kind: openai, keys: [{{label: a, key: {PROVIDER_KEY}, rpm: {PROVIDER_KEY}}}]}}}}"
    with pytest.raises(Exception, match="rpm") as wrong:
        parse(text, {})
    assert PROVIDER_KEY not in str(wrong.value)
