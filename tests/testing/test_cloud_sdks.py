"""The clouds' own clients against the fake provider: botocore signs and reads, and so does Anthropic's SDK for both clouds."""

from contextlib import closing

import anthropic
import botocore.session
import pytest
from anthropic import AsyncAnthropicBedrock, AsyncAnthropicVertex
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from omnillm.testing import Behaviour, FakeProvider, Fault, ThreadedFakeProvider

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEY = "AKIAFAKE0000:secret/with+signs:token="
TOOL = {"toolSpec": {"name": "search", "inputSchema": {"json": {"type": "object", "properties": {"query": {"type": "string"}}}}}}
ASK = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "[[think]] hello"}]}


@pytest.fixture(scope="module")
def bedrock():
    """A client of botocore's, without boto3, in front of a fake in a thread."""
    with ThreadedFakeProvider(FakeProvider(keys={KEY: Behaviour(cached_tokens=1)})) as provider:
        client = connect(provider, KEY)
        yield provider, client
        client.close()


def connect(provider: FakeProvider, key: str):
    access_key_id, secret, token = key.split(":")
    return botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.base_url,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 0}),
    )


def said(text: str) -> list:
    return [{"role": "user", "content": [{"text": text}]}]


def test_botocore_converses(bedrock) -> None:
    """Its signature is accepted, over a model's name with colons; reasoning, a call and usage are read."""
    provider, client = bedrock
    config = {"tools": [TOOL]}
    reply = client.converse(modelId=MODEL, messages=said("[[think]] [[tool]] hi"), toolConfig=config, inferenceConfig={"maxTokens": 99})
    reasoning, call = reply["output"]["message"]["content"]
    assert reasoning["reasoningContent"]["reasoningText"]["signature"]
    assert call["toolUse"]["input"] == {"query": "heron"}
    assert reply["stopReason"] == "tool_use"
    assert reply["usage"]["cacheReadInputTokens"] == 1
    result = {"toolResult": {"toolUseId": call["toolUse"]["toolUseId"], "content": [{"text": "9 m"}]}}
    history = [*said("[[think]] [[tool]] hi"), reply["output"]["message"], {"role": "user", "content": [result]}]
    assert client.converse(modelId=MODEL, messages=history, toolConfig=config)["stopReason"] == "end_turn"
    assert provider.log[-1].key == KEY


def test_botocore_reads_the_stream(bedrock) -> None:
    """Every event of it, up to the metadata; an exception inside is raised."""
    provider, client = bedrock
    with closing(client.converse_stream(modelId=MODEL, messages=said("[[think]] hi"))["stream"]) as stream:
        events = list(stream)
    assert next(iter(events[0])) == "messageStart"
    text = "".join(each["contentBlockDelta"]["delta"].get("text", "") for each in events if "contentBlockDelta" in each)
    assert text.startswith("You said: hi")
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 26
    provider.enqueue(Fault(name="exception", error_after=2, error_status=429))
    with closing(client.converse_stream(modelId=MODEL, messages=said("hi"))["stream"]) as stream:
        with pytest.raises(EventStreamError, match="throttlingException"):
            list(stream)


def test_botocore_is_refused_as_by_the_service(bedrock) -> None:
    """By the names of its exceptions: a wrong secret, a wrong turn, a limit."""
    provider, client = bedrock
    stranger = connect(provider, KEY.replace("secret", "other"))
    with pytest.raises(ClientError) as caught:
        stranger.converse(modelId=MODEL, messages=said("hi"))
    stranger.close()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    with pytest.raises(client.exceptions.ValidationException, match="alternate"):
        client.converse(modelId=MODEL, messages=said("hi") * 2)
    provider.enqueue(Fault.status(429))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(modelId=MODEL, messages=said("hi"))


async def test_anthropics_client_for_bedrock() -> None:
    """With an API key; its stream comes in chunks, which botocore reads for it."""
    async with FakeProvider(keys={"api-key": Behaviour()}) as provider:
        async with AsyncAnthropicBedrock(
            api_key="api-key", aws_region="us-east-1", base_url=provider.base_url, max_retries=0, _strict_response_validation=True
        ) as client:
            plain = await client.messages.create(**{**ASK, "model": MODEL})
            async with client.messages.stream(**{**ASK, "model": MODEL}) as stream:
                final = await stream.get_final_message()
            assert [block.type for block in plain.content] == [block.type for block in final.content] == ["thinking", "text"]
            provider.enqueue(Fault.status(429))
            with pytest.raises(anthropic.RateLimitError):
                await client.messages.create(**{**ASK, "model": MODEL})


async def test_anthropics_client_for_vertex() -> None:
    """With a token; tokens are counted too."""
    async with FakeProvider(keys={"ya29.token": Behaviour()}) as provider:
        async with AsyncAnthropicVertex(
            region="global", project_id="p", access_token="ya29.token", base_url=f"{provider.base_url}/v1", max_retries=0
        ) as client:
            assert (await client.messages.create(**ASK)).content[1].text.startswith("You said: hello")
            async with client.messages.stream(**ASK) as stream:
                assert (await stream.get_final_message()).stop_reason == "end_turn"
            counted = await client.messages.count_tokens(model="claude-sonnet-5-5", messages=ASK["messages"])
            assert counted.input_tokens == 4
            provider.enqueue(Fault.status(529))
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(**ASK)
            assert caught.value.status_code == 529
