"""A library's gateway in front of Bedrock."""

import json
from pathlib import Path

import pytest
from tests.journeys.clouds.clouds import CLAUDE, SIGNED

from omnillm import (
    BadRequest,
    Completed,
    Gateway,
    GenerationConfig,
    KeyConfig,
    LlmRequest,
    PriceConfig,
    PrimitiveRequest,
    ProtocolError,
    ProviderEndpoint,
    StreamFrame,
    user,
)
from omnillm.testing import FakeProvider


async def test_library_reaches_bedrock(cloud_provider: FakeProvider) -> None:
    """By the canonical model, by a body in a client's protocol, or by a path of Bedrock's own."""
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    prices = {CLAUDE: PriceConfig(input="0.4", output="1.6", cache_read="0.04", cache_write="0.5")}
    request = LlmRequest(model=CLAUDE, input=(user("How deep?"),), generation=GenerationConfig(max_output_tokens=50))
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key=SIGNED)], budget_limit_usd="1", prices=prices) as library:
        assert (await library.call(request)).content_text.startswith("You said: How deep?")
        async with library.stream(request) as events:
            assert isinstance([each async for each in events][-1], Completed)
        body = b'{"model":"%b","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}' % CLAUDE.encode()
        raw = await library.primitive_call(PrimitiveRequest(body=body, protocol="anthropic_messages"))
        assert json.loads(raw.body)["type"] == "message"
        with pytest.raises(ProtocolError, match="asked by path"):
            await library.primitive_call(PrimitiveRequest(body=b'{"messages":[]}', model=CLAUDE))
        path, said = f"/model/{CLAUDE.replace(':', '%3A')}", b'{"messages":[{"role":"user","content":[{"text":"hi"}]}]}'
        converse = PrimitiveRequest(path=f"{path}/converse", body=said)
        assert json.loads((await library.primitive_call(converse)).body)["stopReason"] == "end_turn"
        async with library.primitive_stream(converse.with_path(f"{path}/converse-stream")) as events:
            *frames, last = [each async for each in events]
        assert isinstance(last, Completed)
        assert [frame.event for frame in frames if isinstance(frame, StreamFrame)][-1] == "metadata"
        with pytest.raises(BadRequest, match="answers whole"):
            async with library.primitive_stream(converse):
                pass
        assert library.budget_used_usd() * 10**9 == cloud_provider.invoice.total_nanousd
        with pytest.raises(BadRequest, match="no upper bound"):
            await library.primitive_call(PrimitiveRequest(path="/model/meta.llama4/invoke", body=b'{"prompt":"hi"}'))
    methods = ["converse", "converse-stream", "invoke", "converse", "converse-stream"]
    assert [logged.path.rpartition("/")[2] for logged in cloud_provider.log] == methods


async def test_library_reads_event_streams_of_models_that_go_through_unread(cloud_provider: FakeProvider) -> None:
    """Frame by frame; a method that is not the one for the reply is refused."""
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    asked = PrimitiveRequest(path="/model/meta.llama4/invoke-with-response-stream", body=b'{"prompt":"hi"}')
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key=SIGNED)]) as library:
        async with library.primitive_stream(asked.with_stream("eventstream")) as events:
            *frames, last = [each async for each in events]
        assert isinstance(last, Completed)
        assert {frame.event for frame in frames if isinstance(frame, StreamFrame)} == {"chunk"}
        assert last.usage == cloud_provider.invoice.lines[0].usage
        with pytest.raises(BadRequest, match="answers with a stream"):
            await library.primitive_call(asked)


async def test_what_is_signed_is_sent_from_memory(cloud_provider: FakeProvider, tmp_path: Path) -> None:
    """Its signature covers every byte, so a file that lies on the disk is refused before anything is held."""
    path = tmp_path / "prompt.json"
    path.write_bytes(b'{"prompt":"hi"}')
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key=SIGNED)]) as library:
        with pytest.raises(BadRequest) as refused:
            await library.primitive_call(PrimitiveRequest(path="/model/meta.llama4/invoke", body=path))
        assert refused.value.code == "unsigned_body"
        assert (await library.primitive_call(PrimitiveRequest(path="/model/meta.llama4/invoke", body=path.read_bytes()))).status == 200
    assert len(cloud_provider.log) == 1
