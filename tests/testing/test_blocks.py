"""What the markers of a prompt make the fake provider say, in four protocols, whole and streamed, as the official SDKs read it."""

import json

import pytest
from tests.in_turn import in_turn
from tests.testing.speaking import ASK, Wish

from omnillm.testing import Behaviour, FakeProvider
from omnillm.testing.samples import answer_for, arguments_for

ARGUMENTS = {"city": "heron", "days": 7}
THOUGHT = "First I look at the lake."
TOOL_FINISH = {
    "openai_chat": "tool_calls",
    "openai_responses": "completed",
    "anthropic_messages": "tool_use",
    "gemini_generate_content": "STOP",
}
END = {"openai_chat": "stop", "openai_responses": "completed", "anthropic_messages": "end_turn", "gemini_generate_content": "STOP"}
KINDS = {
    "openai_chat": (),
    "openai_responses": ("reasoning", "message", "function_call", "function_call"),
    "anthropic_messages": ("thinking", "text", "tool_use", "tool_use"),
    "gemini_generate_content": ("thought", "text", "call"),
}

protocols = pytest.mark.parametrize("protocol", tuple(ASK))
modes = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


@pytest.fixture
async def provider():
    async with FakeProvider(keys={"*": Behaviour()}) as provider:
        yield provider


def arguments_of(heard):
    return [(name, json.loads(told) if isinstance(told, str) else told) for name, told in heard.calls]


def billed(provider):
    usage = provider.invoice.lines[-1].usage
    return (usage.completion_tokens, usage.reasoning)


@protocols
@modes
async def test_tools_calls_every_tool_after_a_short_text(provider, protocol, is_stream):
    """Parallel calls, each with its own arguments; every word of them is billed."""
    heard = await ASK[protocol](provider.base_url, "[[tools]] how deep is it", Wish(is_stream=is_stream, tools=True))
    assert arguments_of(heard) == [("weather", ARGUMENTS), ("tides", ARGUMENTS)]
    assert (heard.text, heard.finish, heard.tokens) == ("You said: how deep", TOOL_FINISH[protocol], (12, 0))
    assert len(heard.seals) == (protocol == "gemini_generate_content")
    assert billed(provider) == heard.tokens


@protocols
@modes
async def test_call_names_tools_and_their_arguments(provider, protocol, is_stream):
    """In their order, and only those that are there; without arguments with a sample of them."""
    prompt = '[[call:tides {"city": "Bonn"}]] [[call:nothing {}]] [[call:weather]] go'
    heard = await ASK[protocol](provider.base_url, prompt, Wish(is_stream=is_stream, tools=True))
    assert arguments_of(heard) == [("tides", {"city": "Bonn"}), ("weather", ARGUMENTS)]
    assert (heard.text, heard.finish) == ("", TOOL_FINISH[protocol])
    assert billed(provider) == heard.tokens


@protocols
@modes
async def test_think_shows_reasoning_before_the_text(provider, protocol, is_stream):
    """Its words are reasoning tokens; where the protocol signs or encrypts it, it is sealed."""
    heard = await ASK[protocol](provider.base_url, "[[think]] hello", Wish(is_stream=is_stream))
    assert heard.reasoning == THOUGHT
    assert heard.text.startswith("You said: hello")
    assert (heard.finish, heard.tokens) == (END[protocol], (26, 6))
    assert len(heard.seals) == (protocol != "openai_chat")
    assert billed(provider) == heard.tokens


@protocols
@modes
async def test_think_stands_together_with_tools(provider, protocol, is_stream):
    """Reasoning, text, calls, in this order; Gemini signs the first call."""
    heard = await ASK[protocol](provider.base_url, "[[think]] [[tools]] hello there", Wish(is_stream=is_stream, tools=True))
    assert (heard.reasoning, heard.text, heard.kinds) == (THOUGHT, "You said: hello there", KINDS[protocol])
    assert arguments_of(heard) == [("weather", ARGUMENTS), ("tides", ARGUMENTS)]
    assert heard.tokens == billed(provider) == (18, 6)
    assert len(heard.seals) == (protocol != "openai_chat")


@protocols
@modes
async def test_redacted_reasoning_is_shown_where_no_protocol_hides_it(provider, protocol, is_stream):
    """Anthropic gives its data instead of its words, which are billed all the same."""
    heard = await ASK[protocol](provider.base_url, "[[redacted]] hello", Wish(is_stream=is_stream))
    assert heard.reasoning == ("" if protocol == "anthropic_messages" else THOUGHT)
    assert heard.tokens == billed(provider) == (26, 6)
    if protocol == "anthropic_messages":
        assert heard.kinds == ("redacted_thinking", "text")
        assert heard.seals[0]


@protocols
@modes
async def test_refusal(provider, protocol, is_stream):
    """In words at OpenAI; Anthropic and Gemini end without any, and without a bill for output."""
    heard = await ASK[protocol](provider.base_url, "[[refuse]]", Wish(is_stream=is_stream))
    assert heard.text == ""
    told = {
        "openai_chat": ("I cannot help with that.", "stop", (5, 0)),
        "openai_responses": ("I cannot help with that.", "completed", (5, 0)),
        "anthropic_messages": ("cyber", "refusal", (0, 0)),
        "gemini_generate_content": ("", "SAFETY", (0, 0)),
    }
    assert (heard.refusal, heard.finish, heard.tokens) == told[protocol]
    assert billed(provider) == heard.tokens


@protocols
@modes
async def test_structured_output_fits_the_schema(provider, protocol, is_stream):
    """No marker is needed."""
    heard = await ASK[protocol](provider.base_url, "find it", Wish(is_stream=is_stream, schema=True))
    assert json.loads(heard.text) == ARGUMENTS
    assert (heard.finish, heard.tokens) == (END[protocol], (4, 0))


@protocols
async def test_structured_output_is_cut_at_the_cap(provider, protocol):
    """Half of the JSON, and the reason."""
    heard = await ASK[protocol](provider.base_url, "find it", Wish(schema=True, most=2))
    assert (heard.text, heard.tokens) == ('{"city":"heron",', (2, 0))


@protocols
@modes
async def test_stop_sequence_ends_the_reply(provider, protocol, is_stream):
    """Only Anthropic says which; Responses has none."""
    heard = await ASK[protocol](provider.base_url, "[[stop]] hello", Wish(is_stream=is_stream, stop="###"))
    finish, stop = ("stop_sequence", "###") if protocol == "anthropic_messages" else (END[protocol], None)
    assert (heard.finish, heard.stop) == (finish, stop)
    assert len(heard.text.split()) == (20 if protocol == "openai_responses" else 10)


@protocols
@modes
async def test_images_are_counted_and_told(provider, protocol, is_stream):
    """Whatever bytes they have, in either alphabet of base64; the system's text is not repeated."""
    wish = Wish(is_stream=is_stream, image=b"\xfb\xef\xff" * 9, url="https://lake.example/heron.png")
    heard = await ASK[protocol](provider.base_url, "look", wish)
    assert heard.text.startswith("an image of 27 bytes an image at https://lake.example/heron.png You said: look")
    assert "secret" not in heard.text
    usage = provider.invoice.lines[-1].usage
    assert usage.prompt_tokens == 200 + 3


async def test_encrypted_reasoning_has_to_be_asked_for(provider):
    """Without `include` a reasoning item has its summary alone."""
    heard = await ASK["openai_responses"](provider.base_url, "[[think]]", Wish(seals=False))
    assert (heard.reasoning, heard.seals) == (THOUGHT, ())


@protocols
async def test_cap_leaves_no_room_for_calls(provider, protocol):
    """Calls are whole or none: the thought and a text up to the cap instead."""
    heard = await ASK[protocol](provider.base_url, "[[think]] [[tools]] hello", Wish(tools=True, most=8))
    assert (heard.reasoning, heard.text, heard.calls, heard.tokens) == (THOUGHT, "You said:", (), (8, 6))


@protocols
async def test_cap_ends_the_thought(provider, protocol):
    """Nothing is said after it."""
    heard = await ASK[protocol](provider.base_url, "[[think]] hello", Wish(most=3))
    assert (heard.reasoning, heard.text, heard.tokens) == ("First I look", "", (3, 3))


def test_parallel_calls_follow_each_other_in_a_chat_stream(ask_events):
    """The second begins when the first is whole, as OpenAI does it."""
    indexes = [call["index"] for event in ask_events for call in event.get("tool_calls", ())]
    assert indexes == [0] * 5 + [1] * 5


@pytest.fixture
async def ask_events(provider, ask):
    tools = [{"type": "function", "function": {"name": name, "parameters": {"properties": {"a": {"enum": ["x" * 22]}}}}} for name in "ab"]
    seen = await ask(provider, text="[[tools]]", stream=True, tools=tools)
    return [json.loads(event)["choices"][0]["delta"] for event in seen.events if event.startswith(b'{"id"')]


@in_turn(
    ("schema", "answer"),
    [
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [7, 7]),
        ({"$ref": "#/$defs/Bird", "$defs": {"Bird": {"type": "object", "properties": {"name": {"type": "string"}}}}}, {"name": "heron"}),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]}, "b": {"const": 5}}}, {"a": None, "b": 5}),
        ({"properties": {"in": {"type": "object", "properties": {"x": {"type": "number"}}}}}, {"in": {"x": 0.5}}),
        ({}, {}),
    ],
)
def test_answers_fit_nested_schemas(schema, answer):
    """References, alternatives, constants, and objects in objects."""
    assert json.loads(answer_for(schema)) == answer


def test_a_schema_that_refers_to_itself_ends():
    """Depth is bounded."""
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert json.loads(arguments_for(schema))["next"]["next"]
    assert json.loads(answer_for({"$ref": "#"})) == "heron"
