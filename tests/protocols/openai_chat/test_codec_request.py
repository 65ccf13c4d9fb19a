"""Requests of Chat Completions to the canonical model and back: every member that the SDK knows, and what hosts and gateways add."""

import base64
from typing import Any, get_type_hints

import msgspec
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from tests.in_turn import in_turn

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    BuiltinTool,
    CacheControl,
    CapabilitySet,
    Citation,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    ExplicitKey,
    File,
    FileSource,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    LlmRequest,
    Message,
    MessageRole,
    Native,
    Opaque,
    OutputModality,
    PromptCachePolicy,
    PromptCacheRetention,
    Reasoning,
    ReasoningCapability,
    Refusal,
    StructuredOutputConfig,
    Text,
    TextSource,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    UrlSource,
    Video,
    user,
)
from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import CODEC
from omnillm.protocols.shapes import Unfit

CHAT = "openai_chat"
QUESTION = {"role": "user", "content": "How deep is the lake?"}
OPENAI = ChatDialect()
HOST = ChatDialect(provider="host", system_role="system", output_cap_member="max_tokens", is_openai=False)
PNG = base64.b64encode(b"\x89PNG").decode()
TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"depth": {"type": "integer"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"q": "lake"}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERED = {"role": "tool", "tool_call_id": "call_1", "content": "149 m"}


def parsed(body: dict[str, Any]) -> tuple[LlmRequest, list[str]]:
    losses = Losses()
    request = CODEC.parse_request(body, losses)
    return request, told(losses)


def emitted(request: LlmRequest, dialect: ChatDialect = OPENAI) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    return msgspec.json.decode(msgspec.json.encode(body)), told(losses)


def told(losses: Losses) -> list[str]:
    return sorted(f"{reason.kind}:{reason.path}" for reason in losses.reasons)


def asks(**members: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": [QUESTION], **members}


def converses(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": list(messages)}


def foreign(*items: Any, protocol: str = "anthropic_messages", **members: Any) -> LlmRequest:
    return LlmRequest(model="m", input=items, protocol=protocol, **members)


SAME = [
    pytest.param(asks(), id="least"),
    pytest.param(asks(max_completion_tokens=100), id="max_completion_tokens"),
    pytest.param(
        asks(temperature=0.7, top_p=0.9, presence_penalty=1, frequency_penalty=-1, seed=7, n=2, stop=["END", "STOP"]), id="generation"
    ),
    pytest.param(asks(logprobs=True, top_logprobs=3, logit_bias={"50256": -100}), id="log probabilities"),
    pytest.param(asks(reasoning_effort="xhigh", verbosity="low"), id="effort"),
    pytest.param(asks(reasoning_effort="none"), id="no effort"),
    pytest.param(asks(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}), id="sound"),
    pytest.param(asks(service_tier="flex", store=True, metadata={"run": "7"}, safety_identifier="u1"), id="owner"),
    pytest.param(asks(safety_identifier="u1", user="u2"), id="two owners"),
    pytest.param(asks(prompt_cache_key="k", prompt_cache_retention="24h"), id="cache key"),
    pytest.param(asks(prompt_cache_options={"mode": "explicit", "ttl": "30m"}, prompt_cache_retention="in_memory"), id="cache options"),
    pytest.param(asks(prediction={"type": "content", "content": "149"}, moderation={"model": "omni"}), id="members without a field"),
    pytest.param(asks(stream=True, stream_options={"include_usage": True, "include_obfuscation": False}), id="stream"),
    pytest.param(asks(stream=True), id="stream without usage"),
    pytest.param(asks(response_format={"type": "json_object"}), id="JSON mode"),
    pytest.param(
        asks(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "depth", "schema": SCHEMA, "strict": True, "description": "How deep."},
            }
        ),
        id="schema",
    ),
    pytest.param(asks(response_format={"type": "grammar", "grammar": "x"}), id="a format of the host's own"),
    pytest.param(asks(tools=[TOOL], tool_choice="auto", parallel_tool_calls=False), id="tools"),
    pytest.param(
        asks(
            tools=[{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": False, "x": 1}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
        ),
        id="tool chosen by name",
    ),
    pytest.param(
        asks(
            tools=[
                {
                    "type": "custom",
                    "custom": {
                        "name": "sh",
                        "description": "d",
                        "format": {"type": "grammar", "grammar": {"definition": "x", "syntax": "lark"}},
                    },
                }
            ],
            tool_choice={"type": "custom", "custom": {"name": "sh"}},
        ),
        id="custom tool",
    ),
    pytest.param(
        asks(
            tools=[TOOL, {"type": "custom", "custom": {"name": "sh"}}],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "search"}}, {"type": "custom", "custom": {"name": "sh"}}],
                },
            },
        ),
        id="subset of tools",
    ),
    pytest.param(asks(tools=[{"type": "browser_search"}], tool_choice={"type": "browser_search"}), id="a host's own tool"),
    pytest.param(
        asks(
            web_search_options={
                "user_location": {"type": "approximate", "approximate": {"city": "Bled", "country": "SI"}},
                "search_context_size": "low",
            }
        ),
        id="web search",
    ),
    pytest.param(
        converses(
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ops"},
            {"role": "user", "content": "Hi", "name": "ada"},
            {"role": "assistant", "content": "Hello.", "name": "bot"},
        ),
        id="roles",
    ),
    pytest.param(
        converses(
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look.", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
                    {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"}},
                    {"type": "file", "file": {"file_id": "file-1"}, "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
                ],
            }
        ),
        id="parts",
    ),
    pytest.param(
        converses(
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "No."}, {"type": "text", "text": "b"}],
            },
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        ),
        id="assistant's parts",
    ),
    pytest.param(converses(CALLING, ANSWERED, QUESTION), id="call and result"),
    pytest.param(
        converses(
            {"role": "assistant", "content": "I look.", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
            ANSWERED,
            {
                "role": "tool",
                "tool_call_id": "call_2",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
        ),
        id="parallel calls",
    ),
    pytest.param(
        converses(
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "a b"},
        ),
        id="custom call",
    ),
    pytest.param(
        converses(
            QUESTION,
            {
                "role": "assistant",
                "content": "149 m",
                "annotations": [
                    {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5, "title": "Lake", "url": "https://e.com"}}
                ],
            },
        ),
        id="an answer brought back with its annotations",
    ),
    pytest.param(
        converses(
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://e.com/a.png", "detail": "low", "x": 1}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav", "x": 1}},
                    {"type": "file", "file": {"file_data": "AAAA", "filename": "a", "x": 1}, "y": 2},
                    {"type": "text", "text": "Hi", "y": 2},
                ],
            }
        ),
        id="members of parts without a field",
    ),
    pytest.param(
        converses(
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "mcp", "mcp": {"x": 1}}]},
            {"role": "tool", "tool_call_id": "c", "content": "a"},
        ),
        id="a call of a kind without a field",
    ),
    pytest.param(asks(web_search_options={"search_context_size": "low", "x": 1}), id="members of a search without a field"),
    pytest.param(
        asks(web_search_options={"user_location": {"type": "approximate", "approximate": {"city": "Bern"}, "x": 1}}),
        id="members of a place without a field",
    ),
    pytest.param(
        asks(
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp", "mcp": {"x": 1}}]}},
        ),
        id="a choice of tools of a kind without a field",
    ),
    pytest.param({"safety_identifier": "u1", **asks(user="u2")}, id="two owners, the other way about"),
]


@in_turn("body", SAME)
def test_what_openai_knows_comes_back_as_it_was(body):
    """Member for member; nothing is lost on the way."""
    request, read_losses = parsed(body)
    again, losses = emitted(request)
    assert (read_losses, losses) == ([], [])
    assert again == body


def test_the_cases_cover_every_member_that_the_sdk_knows():
    """A member that a new SDK brings makes this fail."""
    known = set(get_type_hints(CompletionCreateParamsBase))
    seen = {name for case in SAME for name in case.values[0]}
    deprecated = {"functions", "function_call", "max_tokens"}  # see the tests below
    assert known - seen == deprecated


@in_turn(
    ("body", "modern"),
    [
        pytest.param(asks(max_tokens=5), asks(max_completion_tokens=5), id="max_tokens"),
        pytest.param(asks(stop="END"), asks(stop=["END"]), id="stop"),
        pytest.param(asks(user="u1"), asks(safety_identifier="u1"), id="user"),
        pytest.param(asks(response_format={"type": "text"}), asks(), id="text format"),
        pytest.param(asks(tools=[TOOL], tool_choice="any"), asks(tools=[TOOL], tool_choice="required"), id="Mistral's any"),
        pytest.param(asks(temperature=None, tools=None, stream_options=None), asks(), id="nulls"),
        pytest.param(
            converses({"role": "user", "content": [{"type": "text", "text": "Hi"}]}),
            converses({"role": "user", "content": "Hi"}),
            id="one text",
        ),
        pytest.param(
            converses({"role": "user", "content": [{"type": "image_url", "image_url": "https://e.com/a.png"}]}),
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]}),
            id="image as a string",
        ),
        pytest.param(
            converses({"role": "assistant", "content": "", "refusal": None, "tool_calls": [{**CALL, "index": 0}], "function_call": None}),
            converses(CALLING),
            id="an answer as its SDK dumps it",
        ),
        pytest.param(
            converses({"role": "assistant", "content": "Hi", "tool_calls": [], "function_call": {}, "audio": {}, "images": []}),
            converses({"role": "assistant", "content": "Hi"}),
            id="an answer with empty members",
        ),
        pytest.param(
            converses({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}),
            converses({"role": "user", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]}),
            id="Anthropic's spelling of a mark",
        ),
    ],
)
def test_another_spelling_says_the_same(body, modern):
    """Deprecated members and the ways of other hosts are written as OpenAI has them now."""
    request, _ = parsed(body)
    assert emitted(request) == (modern, [])


def test_deprecated_functions_become_tools():
    """Their calls get ids, so that each result finds its own; that answers come as tool_calls is said."""
    call = {"name": "f", "arguments": "{}"}
    answer = {"role": "function", "name": "f", "content": "1"}
    calling = {"role": "assistant", "content": None, "function_call": call}
    body = converses(calling, answer, calling, answer) | {
        "functions": [{"name": "f", "parameters": SCHEMA}],
        "function_call": {"name": "f"},
    }
    request, losses = parsed(body)
    assert losses == ["approximated:functions"]
    assert [item.call_id for item in request.input if isinstance(item, ToolResult)] == ["call_legacy_1", "call_legacy_2"]
    again, losses = emitted(request)
    assert losses == []
    assert again["tools"] == [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    assert again["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert again["messages"][2]["tool_calls"][0]["id"] == again["messages"][3]["tool_call_id"] == "call_legacy_2"


def test_the_current_name_of_the_output_cap_wins():
    """Whichever comes first in the body; the other is told as lost."""
    for body in (asks(max_tokens=5, max_completion_tokens=9), asks(max_completion_tokens=9, max_tokens=5)):
        request, losses = parsed(body)
        assert request.generation.max_output_tokens == 9
        assert losses == ["dropped:max_tokens"]


def test_normal_form():
    """Data URLs become bytes, calls and refusals parts, results items, and the kind of a result is its call's."""
    request, _ = parsed(
        converses(
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
            {
                "role": "assistant",
                "content": "Hm.",
                "refusal": "No.",
                "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": ""},
        )
    )
    assert request.input == (
        Message(role=MessageRole.USER, parts=(ImageBase64(data=b"\x89PNG", media_type="image/png"),)),
        Message(
            role=MessageRole.ASSISTANT,
            parts=(Text(text="Hm."), Refusal(text="No."), ToolCall(call_id="c", name="sh", arguments="ls", kind="custom")),
        ),
        ToolResult(call_id="c", kind="custom"),
    )


@in_turn(
    ("stream", "options", "wants"),
    [(True, {"include_usage": True}, True), (True, {"include_usage": False}, False), (True, None, False), (None, None, True)],
)
def test_usage_of_a_stream_is_wanted_only_when_asked_for(stream, options, wants):
    """A plain reply always has it."""
    request, _ = parsed(asks(stream=stream, stream_options=options))
    assert request.wants_stream_usage is wants


# What hosts and gateways add.


def test_reasoning_goes_back_to_hosts_that_have_it_but_not_to_openai():
    """Under whichever name it came; it never becomes visible text."""
    for name in ("reasoning_content", "reasoning"):
        request, _ = parsed(converses({"role": "assistant", "content": "149 m", name: "Hm."}, QUESTION))
        body, losses = emitted(request, HOST)
        assert body["messages"][0] == {"role": "assistant", "content": "149 m", "reasoning_content": "Hm."}
        assert losses == []
        body, losses = emitted(request)
        assert body["messages"][0] == {"role": "assistant", "content": "149 m"}
        assert losses == ["dropped:input[0].parts[0]"]


def test_thinking_blocks_come_back_with_their_signatures():
    """Also redacted ones; the text beside them is the same text."""
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    ]
    message = {"role": "assistant", "content": "149 m", "reasoning_content": "Hm.", "thinking_blocks": blocks}
    request, _ = parsed(converses(message))
    issuer = Issuer(protocol=CHAT)
    assert request.input[0].parts[:2] == (
        Reasoning(text="Hm.", opaque=Opaque(value="c2ln", issuer=issuer)),
        Reasoning(opaque=Opaque(value="ZGF0YQ==", issuer=issuer), is_redacted=True),
    )
    assert emitted(request, HOST) == ({"model": "gpt-5", "messages": [message]}, [])


def test_text_beside_empty_blocks_belongs_to_them():
    """A client may keep the signature in its block and the text in its member."""
    blocks = [{"type": "thinking", "thinking": "", "signature": "c2ln"}]
    request, _ = parsed(converses({"role": "assistant", "content": "x", "reasoning_content": "Hm.", "thinking_blocks": blocks}))
    assert request.input[0].parts[0] == Reasoning(text="Hm.", opaque=Opaque(value="c2ln", issuer=Issuer(protocol=CHAT)))


def test_an_envelope_is_opened():
    """What a client brings back under our seal has its own issuer again, and only that one is given it."""
    own = Opaque(value="c2ln", issuer=Issuer(protocol=CHAT, provider="host", key="k1"))
    other = Opaque(value="c2ln", issuer=Issuer(protocol="gemini_generate_content", provider="gemini"))
    for sealed, is_readable in ((own, True), (other, False)):
        call = {**CALL, "extra_content": {"google": {"thought_signature": seal(sealed)}}}
        request, _ = parsed(converses({"role": "assistant", "content": None, "tool_calls": [call]}))
        assert request.input[0].parts[0].signature == sealed
        body, losses = emitted(request, HOST)
        assert ("extra_content" in body["messages"][0]["tool_calls"][0]) is is_readable
        assert losses == ([] if is_readable else ["dropped:input[0].parts[0].signature"])
        assert emitted(request)[1] == ["dropped:input[0].parts[0].signature"]


def test_mistrals_parts_are_reasoning():
    """Its thinking is a list of texts inside the content."""
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "H"}, {"type": "text", "text": "m."}]},
        {"type": "text", "text": "4"},
    ]
    request, _ = parsed(converses({"role": "assistant", "content": content}))
    assert request.input[0].parts == (Reasoning(text="Hm."), Text(text="4"))


def test_details_of_reasoning_stay_with_their_host():
    """OpenRouter's, verbatim to a host that is not OpenAI."""
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]
    request, _ = parsed(converses({"role": "assistant", "content": "x", "reasoning_details": details}))
    body, losses = emitted(request, HOST)
    assert body["messages"][0]["reasoning_details"] == details
    assert losses == []
    assert "dropped:input[0].vendor_extensions.reasoning_details" in emitted(request)[1]


def test_a_host_is_written_to_in_its_dialect():
    """System role, output cap, user and top_k have other names there, or none at OpenAI."""
    items = (Message.text(MessageRole.DEVELOPER, "Be brief."), user("Hi"))
    generation = GenerationConfig(max_output_tokens=5, top_k=40, stop=("a", "b", "c", "d", "e"))
    request = foreign(*items, generation=generation, user_id="u1")
    body, losses = emitted(request, HOST)
    assert losses == ["approximated:input[0].role"]
    assert body["messages"][0]["role"] == "system"
    assert (body["max_tokens"], body["top_k"], body["user"], len(body["stop"])) == (5, 40, "u1", 5)
    body, losses = emitted(request)
    assert losses == ["dropped:generation.stop", "dropped:generation.top_k"]
    assert (body["messages"][0]["role"], body["max_completion_tokens"], body["safety_identifier"]) == ("developer", 5, "u1")


# What other protocols say.


def test_images_of_results_follow_in_a_user_message():
    """After the whole run of results, since every call must be answered first."""
    image = ImageBase64(data=b"\x89PNG", media_type="image/png")
    calls = Message(role=MessageRole.ASSISTANT, parts=tuple(ToolCall(call_id=name, name="f", arguments="{}") for name in "ab"))
    request = foreign(
        calls,
        ToolResult(call_id="a", content=(Text(text="See:"), image), is_error=True),
        ToolResult(call_id="b", content=(Json(value={"depth": 149}),)),
        user("And?"),
    )
    body, losses = emitted(request)
    assert body["messages"][1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "Error: See:"},
        {"role": "tool", "tool_call_id": "b", "content": '{"depth":149}'},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
        {"role": "user", "content": "And?"},
    ]
    assert losses == ["approximated:input[1].is_error", "approximated:input[2].content[0]", "moved:input[1].content[1]"]


@in_turn(
    "body",
    [
        converses({"role": "user", "content": [{"type": "file", "file": {"file_data": "https://e.com/a.pdf", "filename": "a.pdf"}}]}),
        converses(
            {"role": "user", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}]}
        ),
        converses({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}),
        converses(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {"google": {"thought_signature": "c2ln"}, "x": 1},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "a"},
        ),
        converses({"role": "assistant", "content": "a", "reasoning_details": "none"}, QUESTION),
        converses(
            {
                "role": "assistant",
                "content": "a",
                "reasoning_content": "Hm.",
                "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}],
            },
            QUESTION,
        ),
    ],
)
def test_what_other_hosts_know_comes_back_as_it_was(body):
    """OpenRouter's files, marks of both spellings, Google's signatures, and whatever else a client sends to its own host."""
    request, read_losses = parsed(body)
    assert emitted(request, HOST) == (body, [])
    assert read_losses == []


@in_turn(
    ("said", "read"),
    [
        (
            {"content": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "a"}]},
            {"reasoning_content": "Hm.", "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]},
        ),
        (
            {"content": "a", "reasoning_content": "Hm.", "thinking_blocks": [{"type": "redacted_thinking", "data": "c2ln"}]},
            {
                "reasoning_content": "Hm.",
                "thinking_blocks": [{"type": "thinking", "thinking": "Hm."}, {"type": "redacted_thinking", "data": "c2ln"}],
            },
        ),
    ],
)
def test_reasoning_has_one_spelling(said, read):
    """Whichever the client's host has."""
    body, losses = emitted(parsed(converses({"role": "assistant"} | said, QUESTION))[0], HOST)
    assert body["messages"][0] == {"role": "assistant", "content": "a"} | read
    assert losses == []


def test_pieces_of_reasoning_are_one():
    """A host that takes no blocks has one member for them."""
    parts = (Reasoning(text="Hm."), Reasoning(text="Ah."), Text(text="a"))
    body, losses = emitted(foreign(Message(role=MessageRole.ASSISTANT, parts=parts)), HOST)
    assert body["messages"][0] == {"role": "assistant", "content": "a", "reasoning_content": "Hm.\n\nAh."}
    assert losses == ["approximated:input[0].parts[1]"]


@in_turn(
    ("part", "written", "losses"),
    [
        (File(source=TextSource(text="149 m")), {"type": "text", "text": "149 m"}, ["approximated:input[0].parts[0].source"]),
        (File(source=UrlSource(url="https://e.com/a.pdf")), None, ["dropped:input[0].parts[0]"]),
        (File(source=FileSource(file_id="f", protocol="anthropic_messages")), None, ["dropped:input[0].parts[0]"]),
        (ImageFile(file_id="f", protocol="openai_responses"), None, ["dropped:input[0].parts[0]"]),
        (Video(source=UrlSource(url="https://e.com/a.mp4")), None, ["dropped:input[0].parts[0]"]),
        (Native(protocol="anthropic_messages", kind="search_result", value={}), None, ["dropped:input[0].parts[0]"]),
        (Audio(source=InlineSource(data=b"x", media_type="audio/flac")), None, ["dropped:input[0].parts[0]"]),
        (
            Audio(source=InlineSource(data=b"x", media_type="audio/mpeg")),
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}},
            [],
        ),
        (
            ImageUrl(url="https://e.com/a.png", media_type="image/png"),
            {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}},
            ["dropped:input[0].parts[0].media_type"],
        ),
        (
            File(source=InlineSource(data=b"x", media_type="application/pdf"), title="T", has_citations=True),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "document.pdf"}},
            ["defaulted:input[0].parts[0].filename", "dropped:input[0].parts[0].has_citations", "dropped:input[0].parts[0].title"],
        ),
    ],
)
def test_parts_of_other_protocols(part, written, losses):
    """Each is said as near as Chat can, or told as lost."""
    body, found = emitted(foreign(Message(role=MessageRole.USER, parts=(part, Text(text="?")))))
    assert found == losses
    content = body["messages"][0]["content"]
    assert content == ("?" if written is None else [written, {"type": "text", "text": "?"}])


def test_order_of_an_answer_that_chat_does_not_know():
    """Reasoning and text after calls are said before them."""
    signature = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
    parts = (
        Text(text="a"),
        ToolCall(call_id="c", name="f", arguments=""),
        Reasoning(text="Hm.", opaque=signature),
        Text(text="b", item_id="i"),
    )
    body, losses = emitted(foreign(Message(role=MessageRole.ASSISTANT, parts=parts)), HOST)
    assert body["messages"][0] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "reasoning_content": "Hm.",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert losses == ["dropped:input[*].parts[*].item_id", "dropped:input[0].parts[2].opaque", "moved:input[0].parts"]


@in_turn(
    ("wanted", "effort", "losses"),
    [
        (ReasoningCapability(budget_tokens=2048), "low", ["approximated:capabilities.reasoning.budget_tokens"]),
        (ReasoningCapability(budget_tokens=0), "none", ["approximated:capabilities.reasoning.budget_tokens"]),
        (ReasoningCapability(budget_tokens=-1), "medium", ["approximated:capabilities.reasoning.budget_tokens"]),
        (ReasoningCapability(mode="disabled"), "none", []),
        (ReasoningCapability(mode="disabled", effort="high"), "none", ["dropped:capabilities.reasoning.effort"]),
        (ReasoningCapability(mode="adaptive"), None, ["dropped:capabilities.reasoning.mode"]),
        (
            ReasoningCapability(mode="adaptive", effort="high", summary="auto", include_thoughts=True),
            "high",
            [
                "approximated:capabilities.reasoning.mode",
                "dropped:capabilities.reasoning.include_thoughts",
                "dropped:capabilities.reasoning.summary",
            ],
        ),
    ],
)
def test_reasoning_is_said_as_an_effort(wanted, effort, losses):
    """Chat knows nothing else."""
    body, found = emitted(foreign(user("Hi"), capabilities=CapabilitySet(reasoning=wanted)))
    assert body.get("reasoning_effort") == effort
    assert found == losses


def test_capabilities_that_chat_lacks():
    """Each is named."""
    capabilities = CapabilitySet(
        builtin_tools=(
            BuiltinTool(kind="web_search", max_uses=3, protocol="anthropic_messages", native={}),
            BuiltinTool(kind="code_execution"),
        ),
        tool_choice=ToolChoice(mode="auto"),
        max_tool_calls=3,
        safety=({},),
        structured_output=StructuredOutputConfig(schema=SCHEMA),
        modalities=(OutputModality.TEXT, OutputModality.IMAGE),
    )
    request = foreign(user("Hi"), capabilities=capabilities, vendor_extensions={"thinking": {}})
    body, losses = emitted(request, ChatDialect(has_web_search=True))
    assert body["web_search_options"] == {}
    assert body["response_format"]["json_schema"]["name"] == "response"
    assert body["modalities"] == ["text"]
    assert "thinking" not in body
    assert losses == [
        "approximated:capabilities.builtin_tools[0]",
        "defaulted:capabilities.structured_output.name",
        "dropped:capabilities.builtin_tools[0].max_uses",
        "dropped:capabilities.builtin_tools[1]",
        "dropped:capabilities.max_tool_calls",
        "dropped:capabilities.modalities",
        "dropped:capabilities.safety",
        "dropped:capabilities.tool_choice",
        "dropped:vendor_extensions.thinking",
    ]


def test_extensions_of_the_librarys_caller_override_nothing():
    """They are for hosts with members of their own."""
    request = LlmRequest(
        model="m", input=(user("Hi"),), generation=GenerationConfig(seed=1), vendor_extensions={"seed": 2, "chat_template_kwargs": {"x": 1}}
    )
    body, losses = emitted(request, HOST)
    assert (body["seed"], body["chat_template_kwargs"]) == (1, {"x": 1})
    assert losses == ["dropped:vendor_extensions.seed"]


def test_state_that_another_protocol_keeps_is_refused():
    """Without the messages there is no conversation."""
    with pytest.raises(ProtocolError, match="previous_response_id"):
        emitted(foreign(user("Hi"), previous_response_id="resp_1"))


# The prompt cache.


def marked(text: str, ttl: str = "") -> Text:
    return Text(text=text, cache_control=CacheControl(ttl=ttl))


def test_marks_of_other_protocols_are_breakpoints_at_openai_alone():
    """Never with a shorter life; another host is spared a member that it may refuse."""
    request = foreign(Message(role=MessageRole.USER, parts=(marked("a", "5m"), marked("b"), marked("c", "1h"))))
    body, losses = emitted(request)
    found = [part["prompt_cache_breakpoint"] for part in body["messages"][0]["content"]]
    assert found == [{"mode": "explicit", "ttl": "30m"}, {"mode": "explicit"}, {"mode": "explicit", "ttl": "12h"}]
    assert losses == ["approximated:input[0].parts[0].cache_control.ttl", "approximated:input[0].parts[2].cache_control.ttl"]
    body, losses = emitted(request, HOST)
    assert "breakpoint" not in str(body)
    assert "cache_control" not in str(body)
    assert losses == [f"dropped:input[0].parts[{number}].cache_control" for number in range(3)]


def test_a_hosts_own_marks_go_back_to_it():
    """OpenRouter's clients write them, on parts and tools."""
    mark = {"type": "ephemeral", "ttl": "1h"}
    body = converses({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": mark}]})
    body["tools"] = [{**TOOL, "cache_control": mark}]
    request, _ = parsed(body)
    assert emitted(request, HOST) == (body, [])


def test_mark_of_a_result_goes_to_its_last_text():
    """Anthropic's clients mark the result as a whole."""
    call = Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="a", name="f", arguments="{}"),))
    body, losses = emitted(foreign(call, ToolResult(call_id="a", content=(Text(text="x"),), cache_control=CacheControl())))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert losses == ["moved:input[1].cache_control"]


@in_turn(
    ("policy", "members", "losses"),
    [
        (PromptCachePolicy(), {}, ["approximated:capabilities.prompt_cache"]),
        (PromptCachePolicy.required(), {}, ["approximated:capabilities.prompt_cache"]),
        (PromptCachePolicy.disabled(), {}, ["approximated:capabilities.prompt_cache"]),
        (PromptCachePolicy(mode="required", key=ExplicitKey(value="k")), {"prompt_cache_key": "k"}, []),
        (PromptCachePolicy(retention=PromptCacheRetention.LONG), {"prompt_cache_retention": "24h"}, []),
        (PromptCachePolicy(breakpoint=EndOfTools()), {}, ["dropped:capabilities.prompt_cache.breakpoint"]),
        (PromptCachePolicy(breakpoint=EndOfMessage(index=9)), {}, ["dropped:capabilities.prompt_cache.breakpoint"]),
    ],
)
def test_policy_of_the_cache(policy, members, losses):
    """A key and a term are said; that the rest is the host's own affair is told."""
    body, found = emitted(foreign(user("Hi"), capabilities=CapabilitySet(prompt_cache=policy)))
    assert {name: value for name, value in body.items() if name.startswith("prompt_cache")} == members
    assert found == losses


@pytest.mark.parametrize(("place", "number"), [(EndOfInstructions(), 0), (EndOfMessage(index=0), 1)])
def test_breakpoint_of_the_policy_is_a_mark(place, number):
    """On the last part before it."""
    capabilities = CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=place))
    body, losses = emitted(foreign(user("Hi"), user("Ho"), instructions="Be brief.", capabilities=capabilities))
    marks = [number for number, message in enumerate(body["messages"]) if "prompt_cache_breakpoint" in str(message)]
    assert marks == [number]
    assert losses == ["moved:capabilities.prompt_cache.breakpoint", "moved:instructions"]


def test_required_cache_is_refused_where_nothing_can_be_said():
    """Before anything is sent."""
    request = foreign(user("Hi"), capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.required()))
    for each in (request, msgspec.structs.replace(request, protocol="")):
        with pytest.raises(ProtocolError, match="cannot be told"):
            emitted(each, HOST)


@in_turn(
    ("policy", "members", "losses"),
    [
        (PromptCachePolicy(breakpoint=EndOfMessage(index=0)), {}, ["dropped:capabilities.prompt_cache.breakpoint"]),
        (
            PromptCachePolicy(key=ExplicitKey(value="k")),
            {},
            ["approximated:capabilities.prompt_cache", "dropped:capabilities.prompt_cache.key"],
        ),
        (
            PromptCachePolicy(retention=PromptCacheRetention.LONG),
            {},
            ["approximated:capabilities.prompt_cache", "dropped:capabilities.prompt_cache.retention"],
        ),
    ],
)
def test_policy_that_a_host_may_refuse_is_left_out(policy, members, losses):
    """Its members are OpenAI's; and a host that caches by its own rules has no place for a mark."""
    body, found = emitted(foreign(user("Hi"), capabilities=CapabilitySet(prompt_cache=policy)), HOST)
    assert {name: value for name, value in body.items() if name.startswith("prompt_cache")} == members
    assert found == losses


def test_address_that_holds_the_data_itself_is_read():
    """In base64, or spelt out."""
    for data in ("data:text/plain,149%20m", "data:text/plain;base64,MTQ5IG0="):
        request, losses = parsed(converses({"role": "user", "content": [{"type": "file", "file": {"file_data": data, "filename": "a"}}]}))
        assert request.input[0].parts == (File(source=InlineSource(data=b"149 m", media_type="text/plain"), filename="a"),)
        assert losses == []


def test_citations_of_a_library_caller_are_dropped_for_openai():
    """A request's type has no annotations."""
    parts = (Text(text="149 m", citations=(Citation(url="https://e.com", start=0, end=5),)),)
    body, losses = emitted(foreign(Message(role=MessageRole.ASSISTANT, parts=parts), protocol=""))
    assert body["messages"][0] == {"role": "assistant", "content": "149 m"}
    assert losses == ["dropped:input[0].parts[0].citations"]


def test_tool_without_a_schema():
    """Neither parameters nor strictness are made up."""
    capabilities = CapabilitySet(tools=(ToolDefinition(name="now"),))
    body, losses = emitted(foreign(user("Hi"), capabilities=capabilities))
    assert body["tools"] == [{"type": "function", "function": {"name": "now"}}]
    assert losses == []


# What is none of this protocol.


@in_turn(
    ("body", "path"),
    [
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        (asks(temperature="hot"), "temperature"),
        (asks(n=1.5), "n"),
        (asks(stop=["a", 1]), "stop[1]"),
        (asks(modalities=["smell"]), "modalities[0]"),
        (asks(tool_choice="maybe"), "tool_choice"),
        (asks(tools=[{"type": "function", "function": {}}]), "tools[0].function.name"),
        (asks(metadata={"a": 1}), "metadata.a"),
        (asks(response_format={"type": "json_schema"}), "response_format.json_schema"),
        (
            asks(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": False}}),
            "response_format.json_schema.schema",
        ),
        (asks(prompt_cache_retention="a week"), "prompt_cache_retention"),
        (asks(max_tokens=0), "max_tokens"),
        (converses({"role": "robot"}), "messages[0].role"),
        (converses(QUESTION, {"role": "user", "content": [{"type": "text"}]}), "messages[1].content[0].text"),
        (converses({"role": "user", "content": 7}), "messages[0].content"),
        (converses({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
        (converses({"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}), "messages[0].tool_calls[0].function"),
        (
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,###"}}]}),
            "messages[0].content[0].image_url.url",
        ),
        (converses({"role": "assistant", "thinking_blocks": [{"type": "x"}]}), "messages[0].thinking_blocks[0].type"),
        (converses({"role": "assistant", "images": [{"type": "image_url"}]}), "messages[0].images[0].image_url"),
        (converses({"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "No."}]}), "messages[0].content"),
        (
            converses({"role": "user", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "implicit"}}]}),
            "messages[0].content[0].prompt_cache_breakpoint.mode",
        ),
        (
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64"}}]}),
            "messages[0].content[0].image_url.url",
        ),
        (
            asks(tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "never", "tools": []}}),
            "tool_choice.allowed_tools.mode",
        ),
        (asks(functions=[{"name": "f"}], function_call="required"), "function_call"),
        (
            converses({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,\ud800"}}]}),
            "messages[0].content[0].image_url.url",
        ),
    ],
)
def test_a_mistake_is_named_by_its_path(body, path):
    """As the client wrote it."""
    with pytest.raises(Unfit) as caught:
        parsed(body)
    assert caught.value.path == path
