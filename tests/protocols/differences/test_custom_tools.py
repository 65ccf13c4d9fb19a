"""A custom tool: its grammar in each API, and the call that a client asked for, from a provider that knows functions only."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.cases import asks
from tests.protocols.differences.saying import CHAT, RESPONSES, chat, said
from tests.protocols.directions import CONTEXT, events_of, reassembled

from omnillm.framing.sse import SseReader
from omnillm.model import Candidate, CapabilitySet, FinishReason, LlmResponse, Message, MessageRole, ToolCall, ToolDefinition
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, parse_response

SHELL = asks(capabilities=CapabilitySet(tools=(ToolDefinition(name="shell", kind="custom"),)))
CLIENTS = pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
PROVIDERS = pytest.mark.parametrize("provider", ["anthropic_messages", "gemini_generate_content"])
FUNCTION = ToolCall(call_id="call_1", name="shell", arguments='{"input":"ls \\"a\\"\\n"}')
ASKED = ToolCall(call_id="call_1", name="shell", arguments='ls "a"\n', kind="custom")


def answered(call: ToolCall) -> LlmResponse:
    message = Message(role=MessageRole.ASSISTANT, parts=(call,))
    return LlmResponse(id="r", model="m", candidates=(Candidate(message=message, finish_reason=FinishReason.TOOL_CALL),))


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


GRAMMAR = {"definition": "start: /a+/", "syntax": "lark"}


def test_grammar_of_a_custom_tool_is_said_as_each_api_of_openai_says_it() -> None:
    """Chat nests its members, Responses does not, and each refuses the other's form."""
    nested = [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": GRAMMAR}}}]
    flat = [{"type": "custom", "name": "c", "format": {"type": "grammar", **GRAMMAR}}]
    body, lost = said(CHAT, RESPONSES, chat(tools=nested))
    assert (body["tools"], lost) == (flat, {})
    body, lost = said(RESPONSES, CHAT, {"model": "m", "input": "Hi", "tools": flat})
    assert (body["tools"], lost) == (nested, {})
    assert said(CHAT, CHAT, chat(tools=nested))[0]["tools"] == nested
    assert said(RESPONSES, RESPONSES, {"model": "m", "input": "Hi", "tools": flat})[0]["tools"] == flat


@in_turn("odd", [{"type": "text"}, {"type": "grammar", "grammar": "lark"}, {"type": "grammar", "grammar": GRAMMAR, "x": 1}])
def test_format_of_another_form_stays_as_it_is(odd: dict[str, Any]) -> None:
    """Its host may know it."""
    tools = [{"type": "custom", "custom": {"name": "c", "format": odd}}]
    assert said(CHAT, CHAT, chat(tools=tools))[0]["tools"] == tools
