"""Whose fault it is: the caller's own mistake is told at once and is nobody's health, a provider key's trouble is never the caller's."""

import json

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.journeys.failover.pools import pool_of
from tests.journeys.running import PRICES, Serve, configuration
from tests.journeys.wire import DIALECTS, PROVIDERS, ask, exchange

from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

REFUSED = {
    "status_401": "is wrong, was revoked, or belongs to a closed account (401)",
    "status_402": "has no credit or quota left (402)",
    "status_403": "may not do this (403)",
    "account_disabled": "is wrong, was revoked, or belongs to a closed account (40",
    "spend_limit": "has no credit or quota left (4",
}


@in_turn("name", REFUSED)
@in_turn("dialect", DIALECTS)
async def test_trouble_with_a_provider_key_is_not_the_callers(serve: Serve, name: str, dialect: str) -> None:
    """401, 402 and 403 of a provider are 503 for the client, whose own credential and money are fine; it is told why in words."""
    async with FakeProvider(keys={"*": Behaviour(fault=FAULTS[name])}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        reply = await exchange(gateway.port, ask(dialect, "hello"))
        assert reply.status == 503
        assert reply.headers["x-omnillm-attempts"] == "2"
        assert reply.headers["x-should-retry"] == "false"
        assert f"refuses every key that could serve this call: the last one {REFUSED[name]}" in reply.error["message"]
        assert {logged.key for logged in fake.log} == {"a", "b"}


CLOSED = {
    "anthropic_messages": b'{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."},"request_id":"r"}',
    "openai_chat": b'{"error":{"message":"Organization has been restricted. Please reach out to support if you believe this was in error.",'
    b'"type":"invalid_request_error","code":"organization_restricted"}}',
}
"""As Anthropic and Groq say it."""


@pytest.mark.parametrize("dialect", CLOSED)
async def test_account_that_was_closed_under_a_400_is_not_the_callers_mistake(serve: Serve, dialect: str) -> None:
    """Another account answers, the key is dead, and once there is no other the caller is not told of a bad request."""
    keys = {"closed": Behaviour(fault=Fault(http_status=400, body=CLOSED[dialect])), "good": Behaviour()}
    async with FakeProvider(keys=keys, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(keys), pool="selection: priority"))
        reply = await exchange(gateway.port, ask(dialect, "hello"))
        assert (reply.is_answer, reply.headers["x-omnillm-attempts"]) == (True, "2")
        assert gateway.keys(PROVIDERS[dialect])["closed"].state == "dead"
        alone = await serve(configuration(fake, keys=pool_of(["closed"])))
        refused = await exchange(alone.port, ask(dialect, "hello"))
        assert (refused.status, b"has been" in refused.body) == (503, False)


NOT_HERE = b'{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}'


async def test_where_the_gateway_runs_is_not_the_callers_mistake(serve: Serve) -> None:
    """Gemini says under a 400 that it does not serve the place: another account may be served there, and so may another provider."""
    keys = {"abroad": Behaviour(fault=Fault(http_status=400, body=NOT_HERE)), "good": Behaviour()}
    async with FakeProvider(keys=keys, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of(keys), pool="selection: priority"))
        reply = await exchange(gateway.port, ask("gemini", "hello"))
        assert (reply.is_answer, reply.headers["x-omnillm-attempts"]) == (True, "2")
        alone = await serve(configuration(fake, keys=pool_of(["abroad"])))
        assert (await exchange(alone.port, ask("gemini", "hello"))).status == 503


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_unknown_model_is_404_however_often_it_is_asked(serve: Serve, dialect: str) -> None:
    """The first callers read the provider's words, the next ones the gateway's: none is told to try again, and the provider is not asked."""
    async with FakeProvider(keys={"*": Behaviour(fault=Fault.status(404))}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        for _ in range(6):
            reply = await exchange(gateway.port, ask(dialect, "hello"))
            assert (reply.status, reply.headers["x-should-retry"]) == (404, "false")
        assert "answered lately that it has no such model" in reply.error["message"]
        assert len(fake.log) == 10


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_callers_mistake_is_not_repeated_nor_anybodys_health(serve: Serve, dialect: str) -> None:
    """A 400 is told at once, once, verbatim, and no key is the worse for it."""
    told = {"type": "invalid_request_error", "message": "Invalid.", "code": 400, "status": "INVALID_ARGUMENT"}
    words = json.dumps({"type": "error", "error": told, "of its own": 1}, indent=3).encode()
    async with FakeProvider(keys={"*": Behaviour(fault=Fault(name="words", http_status=400, body=words))}) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        for _ in range(12):
            reply = await exchange(gateway.port, ask(dialect, "hello"))
            assert reply.status == 400
            assert reply.body == words
            assert reply.headers["x-should-retry"] == "false"
        assert len(fake.log) == 12
        assert all(key.state == "ready" for key in gateway.program.controller.keys(gateway.program.clock.now()))


TOO_LONG = {
    "in a stream": Fault(name="late", error_after=0, error_status=400, code="context_length"),
    "under a 200": Fault(name="calm", http_status=200, error_status=400, code="context_length"),
}


@in_turn("how", TOO_LONG)
@in_turn("dialect", DIALECTS)
async def test_callers_mistake_is_one_under_whatever_status_it_is_told(serve: Serve, dialect: str, how: str) -> None:
    """A prompt that is too long is a 400 with the provider's words and code, by which agents know that they must shorten it."""
    async with FakeProvider(keys={"*": Behaviour(fault=TOO_LONG[how])}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        reply = await exchange(gateway.port, ask(dialect, "hello", is_stream=True))
        assert (reply.status, reply.headers["x-omnillm-attempts"], reply.headers["x-should-retry"]) == (400, "1", "false")
        assert "maximum" in reply.error["message"]
        if dialect.startswith("openai"):
            assert reply.error["code"] == "context_length_exceeded"
        assert [gateway.keys(PROVIDERS[dialect])[label].state for label in "ab"] == ["ready", "ready"]
        request, [attempt] = await gateway.last()
        assert (request.status, attempt.verdict, request.cost_nanousd) == (400, "caller_fault", fake.invoice.total_nanousd)


FLAGGED = {
    "OpenRouter": {
        "error": {
            "code": 403,
            "message": 'm requires moderation on X. Your input was flagged for "violence".',
            "metadata": {"reasons": ["violence"], "flagged_input": "...", "provider_name": "X", "model_slug": "m"},
        },
        "user_id": "u",
    },
    "xAI": {
        "code": "The caller does not have permission to execute the specified operation",
        "error": "Content violates usage guidelines. Team: our-team, API key ID: our-key, Model: m, Failed check: SAFETY_CHECK_TYPE_BIO",
    },
}
"""As these hosts say it."""


@pytest.mark.parametrize(
    ("host", "told"), [("OpenRouter", 'flagged for "violence"'), ("xAI", "guidelines. Failed check: SAFETY_CHECK_TYPE_BIO")]
)
async def test_a_prompt_that_a_moderator_flags_is_its_callers_alone(serve: Serve, host: str, told: str) -> None:
    """One caller's words keep nobody else from the model: it is told why, though under a 403, and no key rests for it."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        for is_stream in (False, True):
            fake.enqueue(Fault(http_status=403, body=json.dumps(FLAGGED[host]).encode()))
            flagged = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=is_stream))
            assert (flagged.status, told in flagged.error["message"], b"our-" in flagged.body) == (400, True, False)
            assert (await exchange(gateway.port, ask("openai_chat", "hello"))).headers["x-omnillm-attempts"] == "1"
        assert {gateway.keys()[label].state for label in "ab"} == {"ready"}


TOO_LARGE = (
    "Request too large for m in organization org-ours on tokens per min (TPM): Limit 30000, Requested 50000. The input must be reduced."
)


async def test_a_call_that_no_minute_is_large_enough_for_keeps_nobody_else_waiting(serve: Serve) -> None:
    """OpenAI says so under a 429: another key may have a higher limit, and smaller calls go on with this one."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        told = {"error": {"message": TOO_LARGE, "type": "tokens", "param": None, "code": "rate_limit_exceeded"}}
        fault = Fault(http_status=429, body=json.dumps(told).encode())
        fake.enqueue(fault)
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).headers["x-omnillm-attempts"] == "2"
        fake.enqueue(fault, fault)
        refused = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (refused.status, len(fake.log), b"org-" in refused.body) == (429, 4, False)
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).headers["x-omnillm-attempts"] == "1"


NO_HOST = "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs"
"""OpenRouter, under a 404, of a model that does well without tools."""


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
async def test_what_no_host_of_a_model_takes_keeps_nobody_else_from_it(serve: Serve, dialect: str) -> None:
    """Who asks for less is served at once."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s"))
        fake.enqueue(*[Fault(http_status=404, body=json.dumps({"error": {"message": NO_HOST, "code": 404}}).encode())] * 2)
        refused = await exchange(gateway.port, ask(dialect, "hello"))
        assert (refused.status, NO_HOST.encode() in refused.body, len(fake.log)) == (404, True, 2)
        assert (await exchange(gateway.port, ask(dialect, "hello"))).headers["x-omnillm-attempts"] == "1"


async def test_an_error_in_a_stream_is_told_in_its_own_words(serve: Serve) -> None:
    """OpenRouter names the status in it; what another key has answered before it is no news."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab")))
        told = b'data: {"error":{"code":400,"message":"of the second"}}\n\n'
        stream = Fault(http_status=200, body=told, fields={"content-type": "text/event-stream"})
        fake.enqueue(Fault.status(404, message="of the first"), stream)
        refused = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=True))
        assert (refused.status, refused.error["message"], len(fake.log)) == (400, "of the second", 2)


MISSING = {
    "an environment": ("gemini_interactions", 404, {"environment": "env_none"}),
    "a cache": ("gemini_interactions", 403, {"cached_content": "cachedContents/none"}),
    "a file": ("gemini", 403, {"contents": [{"parts": [{"fileData": {"fileUri": "https://x.test/v1beta/files/none"}}]}]}),
    "a film": ("gemini", 403, {"contents": [{"parts": [{"fileData": {"fileUri": "https://youtu.be/private"}}]}]}),
    "a picture": (
        "openai_chat",
        403,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/private.png"}}]}]},
    ),
    "a sheet": (
        "openai_responses",
        403,
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://x.test/a"}]}]},
    ),
    "a painter": ("openai_responses", 403, {"tools": [{"type": "image_generation"}]}),
    "an item": ("openai_responses", 404, {"input": [{"type": "item_reference", "id": "msg_none"}]}),
    "a prompt": ("openai_responses", 404, {"prompt": {"id": "pmpt_none"}}),
    "a document": (
        "anthropic_messages",
        404,
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "file_none"}}]}]},
    ),
}


@in_turn("what", MISSING)
async def test_who_names_what_is_not_there_keeps_nobody_from_the_model(serve: Serve, what: str) -> None:
    """However often: it need not be the model that it found missing, or forbidden. Who names nothing else finds that of the model."""
    dialect, status, more = MISSING[what]
    async with FakeProvider(keys={"a": Behaviour()}, prices=PRICES) as fake:
        text = configuration(fake, keys=pool_of("a"), queue="0s", pool="breaker: {failures: 2}")
        gateway = await serve(text.replace('[{name: everything, limit_usd: "1000", period: total, hard: true}]', "[]"))
        fake.enqueue(*[Fault.status(status)] * 3, None, *[Fault.status(status)] * 2)
        asked = [ask(dialect, "hello", more=more)] * 3 + [ask(dialect, "hello")] * 4
        assert [(await exchange(gateway.port, question)).status == 200 for question in asked] == [False] * 3 + [True] + [False] * 3
        assert len(fake.log) == 6


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
WHOLE = {
    "a picture that it holds": {"messages": [{"role": "user", "content": [PICTURE]}]},
    "what Go and .NET escape": {"messages": [{"role": "user", "content": "a ESCAPE b"}]},
}


@in_turn("what", WHOLE)
async def test_a_model_that_is_denied_is_found_out_by_who_sends_nothing_but_what_it_holds(serve: Serve, what: str) -> None:
    """Else a key that may not use the model would be tried by every call of an agent that looks at a screen, or is written in Go."""
    async with FakeProvider(keys={"a": Behaviour(), "b": Behaviour()}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake, keys=pool_of("ab"), queue="0s", pool="breaker: {failures: 1}"))
        fake.enqueue(*[Fault.status(403)] * 2)
        asked = ask("openai_chat", "hello", more=WHOLE[what])
        asked = replace(asked, raw=asked.raw.replace(b"ESCAPE", rb"\u003c"))
        assert [(await exchange(gateway.port, asked)).status for _ in range(2)] == [503, 503]
        assert len(fake.log) == 2
