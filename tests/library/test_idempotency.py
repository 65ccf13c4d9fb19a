"""`idempotency_key` in the library: a call is made once, and its repetition is told so in Python's words."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.library.calling import CHAT, KEYS, PRICE

from omnillm import BadRequest, Gateway, LlmRequest, OmniError, PrimitiveRequest, ProviderEndpoint, user
from omnillm.errors import CallerFault, UpstreamLost
from omnillm.gateway.idempotency import Replay
from omnillm.library.replays import replay_response
from omnillm.testing import FakeProvider, Fault

GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
REQUEST = LlmRequest(model="fake-small", input=(user("How deep is the lake?"),))
RAW = PrimitiveRequest.json(CHAT)
CONFIG = """
calls: {{idempotency: {{store_replies: true}}}}
store: {{url: "memory://"}}
providers: {{openai: {{kind: openai, base_url: {base_url}, keys: [{{label: a, key: key-a}}]}}}}
models: {{fake-small: {{targets: [openai/fake-small]}}}}
"""


@pytest.fixture
async def keeping(provider: FakeProvider, tmp_path: Path):
    """A gateway that keeps replies."""
    path = tmp_path / "omnillm.yaml"
    path.write_text(CONFIG.format(base_url=provider.base_url))
    async with Gateway.from_config(path, env={}) as gateway:
        yield gateway


async def test_kept_reply_is_told_again(keeping: Gateway, provider: FakeProvider) -> None:
    """As it was, at no cost, under the request id of the call that was made."""
    first = await keeping.call(REQUEST, idempotency_key="k-1")
    again = await keeping.call(REQUEST, idempotency_key="k-1")
    assert again.is_replay
    assert not first.is_replay
    assert (again.content_text, again.request_id, again.cost_nanousd) == (first.content_text, first.request_id, 0)
    raw = RAW.with_idempotency_key("k-1")
    assert (await keeping.primitive_call(raw)).body == (reply := await keeping.primitive_call(raw)).body
    assert (reply.is_replay, reply.cost_usd, reply.attempts) == (True, "0", 0)
    assert len(provider.log) == 2


async def test_what_is_not_kept_is_refused(provider: FakeProvider) -> None:
    """A gateway of its own keeps no replies, and nobody keeps streams; the error names the call that was made."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, budget_limit_usd=1, prices=PRICE) as gateway:
        first = await gateway.call(REQUEST, idempotency_key="k-1")
        with pytest.raises(CallerFault) as refused:
            await gateway.call(REQUEST, idempotency_key="k-1")
        assert (refused.value.code, refused.value.details) == ("idempotency_finished", {"original_request_id": first.request_id})
        with pytest.raises(CallerFault) as mismatch:
            await gateway.call(LlmRequest(model="fake-small", input=(user("And how cold?"),)), idempotency_key="k-1")
        assert (mismatch.value.status, mismatch.value.code) == (422, "idempotency_mismatch")
        async with gateway.stream(REQUEST, idempotency_key="k-2") as events:
            assert [event async for event in events]
        with pytest.raises(CallerFault, match="not kept"):
            async with gateway.stream(REQUEST, idempotency_key="k-2"):
                pass
        with pytest.raises(BadRequest, match="visible ASCII"):
            await gateway.call(REQUEST, idempotency_key="k 3")
    assert len(provider.log) == 2


async def test_what_the_body_does_not_tell_is_told_apart_too(provider: FakeProvider) -> None:
    """Gemini's body names neither the model nor the mode, and a repetition has both."""
    raw = PrimitiveRequest.json(GEMINI, protocol="gemini_generate_content", model="fake-small").with_idempotency_key("k-1")
    async with Gateway(ProviderEndpoint.gemini(provider.base_url), keys=KEYS) as gateway:
        await gateway.primitive_call(raw)
        with pytest.raises(CallerFault, match="another body"):
            await gateway.primitive_call(replace(raw, model="fake-large"))
        with pytest.raises(CallerFault, match="another body"):
            async with gateway.primitive_stream(raw):
                pass
        with pytest.raises(CallerFault, match="not kept"):
            await gateway.primitive_call(raw)
    assert len(provider.log) == 1


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_failure_that_may_be_billed_is_raised_again(keeping: Gateway, provider: FakeProvider, is_stream: bool) -> None:
    """With its code and its status, and the provider is not asked."""
    provider.enqueue(*[Fault.status(500)] * 4)

    async def ask() -> OmniError:
        with pytest.raises(OmniError) as caught:
            if is_stream:
                async with keeping.stream(REQUEST, idempotency_key="k-1"):
                    pass
            else:
                await keeping.call(REQUEST, idempotency_key="k-1")
        return caught.value

    first, sent = await ask(), len(provider.log)
    again = await ask()
    assert (
        (again.code, again.status, again.request_id)
        == (first.code, first.status, first.request_id)
        == ("upstream_failed", 502, again.request_id)
    )
    assert len(provider.log) == sent > 1


def test_kept_reply_that_cannot_be_read_any_more_is_named_so() -> None:
    """Whatever was kept, by whichever version: what is raised is an error of the product."""
    kept = Replay(status=200, outcome="success", content_type="application/json", body=b'{"candidates":7}', request_id="1")
    with pytest.raises(UpstreamLost) as lost:
        replay_response(kept)
    assert lost.value.code == "garbled_reply"
