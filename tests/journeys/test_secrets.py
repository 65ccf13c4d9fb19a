"""No secret ever appears: not in a reply, a header, a log line, a metric, an error, a `repr`, or the ledger's file."""

import logging
from pathlib import Path

import pytest
from tests.journeys.running import ADMIN_KEY, VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.test_operations import get
from tests.journeys.wire import DIALECTS, Question, ask, exchange

from omnillm.config.load import parse
from omnillm.testing import FAULTS, Behaviour, FakeProvider

PROVIDER_KEY, HEADER, PEPPER = "sk-canary-provider-31415926", "canary-header-27182818", "canary-pepper-16180339"
CANARIES = (PROVIDER_KEY, HEADER, PEPPER, VIRTUAL_KEY, ADMIN_KEY)
PROMPT = "canary-prompt-14142135"


@pytest.fixture
async def fake():
    async with FakeProvider(keys={PROVIDER_KEY: Behaviour(words=3)}) as provider:
        yield provider


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider, tmp_path: Path) -> Running:
    text = configuration(
        fake, keys={"good": f"key: {PROVIDER_KEY}"}, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict", queue="0s"
    )
    text = text.replace("durability: strict", f"durability: strict, pepper: {PEPPER}").replace(
        "kind: openai,", f"kind: openai, headers: {{x-extra: {HEADER}}}, timeouts: {{first_byte: 100ms, idle: 100ms, total: 200ms}},"
    )
    return await serve(text)


async def test_nothing_that_anybody_can_read_holds_a_secret(
    gateway: Running, fake: FakeProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Through successes, every way of failing, the admin API, metrics, logs and the ledger's bytes."""
    caplog.set_level(logging.DEBUG)
    seen: list[bytes] = []
    faults = (
        "",
        "status_401",
        "status_403",
        "rate_seconds",
        "status_500",
        "html_in_200",
        "reset_before_head",
        "cut_mid_body",
        "status_400",
    )
    for fault in faults:
        for dialect in DIALECTS:
            for is_stream in (False, True):
                if fault:
                    fake.enqueue(FAULTS[fault])
                reply = await exchange(gateway.port, ask(dialect, PROMPT if not fault else "Hello", is_stream=is_stream))
                seen += [reply.body if fault else b"", repr(reply.headers).encode()]
                for provider in ("openai", "anthropic", "gemini"):
                    gateway.program.controller.revive(provider, "good", gateway.program.clock.now())
    for raw in (
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        f"POST /v1/chat/completions?key={VIRTUAL_KEY}x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode(),
    ):
        seen.append((await exchange(gateway.port, Question("openai_chat", raw))).body)
    for path in ("/admin/v1/pools", "/admin/v1/usage", "/admin/v1/requests?limit=500", "/admin/v1/budgets", "/metrics", "/readyz"):
        seen.append((await get(gateway, path)).body)
    await gateway.program.store.flush()
    gateway.service.call_log.flush()
    seen += [gateway.log.getvalue(), caplog.text.encode(), repr(gateway.program.settings).encode()]
    seen += [path.read_bytes() for path in tmp_path.iterdir()]
    everything = b"\n".join(seen)
    assert len(everything) > 10_000
    for canary in (*CANARIES, PROMPT):
        assert canary.encode() not in everything, canary


async def test_a_providers_own_secrets_stay_with_us(gateway: Running) -> None:
    """Its cookies, its organisation and its limits say nothing to a client."""
    for dialect in DIALECTS:
        reply = await exchange(gateway.port, ask(dialect, "Hello"))
        assert reply.status == 200
        assert (
            not {"set-cookie", "openai-organization", "anthropic-organization-id", "x-request-id", "request-id", "server"}
            & reply.headers.keys()
        )


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
