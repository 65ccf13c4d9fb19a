"""A client's custom tool over a provider that knows functions only comes back as the call that it asked for."""

import msgspec
import pytest
from tests.protocols.cases import asks, said
from tests.protocols.directions import CONTEXT, events_of, reassembled

from omnillm.framing.sse import SseReader
from omnillm.model import Candidate, CapabilitySet, FinishReason, LlmResponse, ToolCall, ToolDefinition
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, parse_response

SHELL = asks(capabilities=CapabilitySet(tools=(ToolDefinition(name="shell", kind="custom"),)))
CLIENTS = pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
PROVIDERS = pytest.mark.parametrize("provider", ["anthropic_messages", "gemini_generate_content"])
FUNCTION = ToolCall(call_id="call_1", name="shell", arguments='{"input":"ls \\"a\\"\\n"}')
ASKED = ToolCall(call_id="call_1", name="shell", arguments='ls "a"\n', kind="custom")


def answered(call: ToolCall) -> LlmResponse:
    return LlmResponse(id="r", model="m", candidates=(Candidate(message=said(call), finish_reason=FinishReason.TOOL_CALL),))


def context() -> object:
    return msgspec.structs.replace(CONTEXT, request=SHELL)


@CLIENTS
@PROVIDERS
def test_whole_call_is_free_text_again(client: str, provider: str) -> None:
    """The function has one argument, `input`; what was called otherwise stays a function."""
    assert b'"input"' in emit_request(provider, SHELL).value
    reply = parse_response(client, emit_response(client, answered(FUNCTION), context()).value).value
    [call] = reply.message.tool_calls
    assert (call.kind, call.arguments) == ("custom", ASKED.arguments)
    odd = msgspec.structs.replace(FUNCTION, arguments='{"command":"ls"}')
    [call] = parse_response(client, emit_response(client, answered(odd), context()).value).value.message.tool_calls
    assert (call.kind, call.arguments) == ("function", '{"command":"ls"}')


@CLIENTS
def test_streamed_call_is_free_text_again(client: str) -> None:
    """It is held back until it is whole; other parts go on."""
    transcoder = StreamTranscoder("canonical", client, context=context())
    raw = b"".join(transcoder.feed(b"data: " + msgspec.json.encode(event) + b"\n\n") for event in events_of(answered(FUNCTION)))
    reply, _ = reassembled(list(SseReader().feed(raw + transcoder.feed(b""))), client)
    [call] = reply.message.tool_calls
    assert call.arguments == ASKED.arguments
