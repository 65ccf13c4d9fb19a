"""The canonical model as JSON: what a program writes down and another reads again."""

import base64

import msgspec
from hypothesis import given
from tests.model import strategies

from omnillm.model import (
    ImageBase64,
    InlineSource,
    LlmRequest,
    LlmResponse,
    LlmStreamEvent,
    Message,
    MessagePart,
    MessageRole,
    PromptCachePolicy,
    RequestItem,
    Text,
    ToolCall,
    user,
)


@given(strategies.requests())
def test_request_comes_back(request: LlmRequest) -> None:
    """Whole."""
    assert msgspec.json.decode(msgspec.json.encode(request), type=LlmRequest) == request


@given(strategies.replies())
def test_reply_comes_back(reply: LlmResponse) -> None:
    """Whole."""
    assert msgspec.json.decode(msgspec.json.encode(reply), type=LlmResponse) == reply


@given(strategies.event_sequences())
def test_events_come_back(events: tuple[LlmStreamEvent, ...]) -> None:
    """Each by its tag."""
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=LlmStreamEvent) == event


def test_every_kind_of_part_has_a_tag_of_its_own() -> None:
    """Snake case, as the ancestor wrote it."""
    assert msgspec.json.encode(Text(text="a")) == b'{"type":"text","text":"a"}'
    assert msgspec.json.encode(ToolCall(call_id="c", name="n")) == b'{"type":"tool_call","call_id":"c","name":"n"}'
    item = msgspec.json.decode(b'{"type":"tool_result","call_id":"c"}', type=RequestItem)
    assert type(item).__name__ == "ToolResult"
    assert msgspec.json.decode(b'{"type":"image_url","url":"u"}', type=MessagePart).url == "u"


def test_bytes_are_base64_in_json_alone() -> None:
    """In memory they are bytes."""
    data = bytes(range(9))
    for value in (ImageBase64(data=data), InlineSource(data=data)):
        assert value.data == data
        assert base64.b64encode(data) in msgspec.json.encode(value)
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


def test_ancestors_cache_settings_read_as_best_effort() -> None:
    """`{"enabled": true}` was its older way to ask."""
    assert msgspec.json.decode(b'{"enabled": true}', type=PromptCachePolicy) == PromptCachePolicy.best_effort()


def test_messages_are_a_view_of_the_input_and_instructions_win() -> None:
    """Explicit instructions are the system text; else system and developer messages, joined by a blank line."""
    system = Message.text(MessageRole.SYSTEM, "Be brief.")
    developer = Message.text(MessageRole.DEVELOPER, "Be kind.")
    request = LlmRequest(model="m", input=(system, developer, user("Hi")))
    assert request.messages == request.input
    assert request.system_text == "Be brief.\n\nBe kind."
    assert msgspec.structs.replace(request, instructions="Be still.").system_text == "Be still."


def test_reply_is_built_from_a_message() -> None:
    """A call of a tool is why it ended."""
    called = LlmResponse.from_message(Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="c", name="n"),)))
    assert called.finish_reason.value == "tool_call"
    assert LlmResponse.from_message(Message.text(MessageRole.ASSISTANT, "Hi")).content_text == "Hi"
    assert LlmResponse().message.parts == ()
    assert LlmResponse().finish_reason.value == "content_filter"
