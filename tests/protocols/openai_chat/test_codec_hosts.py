"""What hosts and gateways add to requests of Chat, and what they take of it."""

from typing import Any

import msgspec
from tests.in_turn import in_turn
from tests.protocols.openai_chat.asking import (
    CALL,
    CHAT,
    HI,
    HOST,
    OPENAI,
    QUESTION,
    calls,
    converses,
    emitted,
    foreign,
    parsed,
    said,
    translated,
)

from omnillm.model import (
    CacheControl,
    CapabilitySet,
    ExplicitKey,
    GenerationConfig,
    Issuer,
    LlmRequest,
    Message,
    MessageRole,
    Opaque,
    OutputModality,
    PromptCachePolicy,
    PromptCacheRetention,
    Reasoning,
    Text,
    ToolResult,
    user,
)
from omnillm.protocols.envelope import seal


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


def test_extensions_of_the_librarys_caller_override_nothing():
    """They are for hosts with members of their own."""
    request = LlmRequest(
        model="m", input=(user("Hi"),), generation=GenerationConfig(seed=1), vendor_extensions={"seed": 2, "chat_template_kwargs": {"x": 1}}
    )
    body, losses = emitted(request, HOST)
    assert (body["seed"], body["chat_template_kwargs"]) == (1, {"x": 1})
    assert losses == ["dropped:vendor_extensions.seed"]


def test_compatible_hosts_get_strings_of_the_system_and_of_tools():
    """Many take no arrays there; a mark is lost anyway."""
    marked = Text(text="b", cache_control=CacheControl())
    items = (
        Message(role=MessageRole.SYSTEM, parts=(Text(text="a"), marked)),
        said(*calls("x", "y")),
        ToolResult(call_id="x", content=(Text(text="a"), Text(text="b"))),
        ToolResult(call_id="y", content=(Text(text=""),)),
    )
    body, losses = emitted(foreign(*items), HOST)
    assert [message["content"] for message in body["messages"]] == ["a\n\nb", None, "a\nb", ""]
    assert losses == ["approximated:input[0].parts", "approximated:input[2].content", "dropped:input[0].parts[1].cache_control"]
    body, losses = emitted(foreign(*items))
    assert [type(message["content"]) for message in body["messages"]] == [list, type(None), list, list]
    assert losses == []


def test_members_of_openais_own_are_kept_from_compatible_hosts():
    """They may refuse what they do not know; text is what they answer anyway."""
    members: dict[str, Any] = {
        "store": False,
        "metadata": {"run": "7"},
        "generation": GenerationConfig(verbosity="low"),
        "capabilities": CapabilitySet(
            modalities=(OutputModality.TEXT,),
            prompt_cache=PromptCachePolicy(
                key=ExplicitKey(value="k"), retention=PromptCacheRetention.LONG, vendor_extensions={"mode": "explicit"}
            ),
        ),
    }
    request = foreign(user("Hi"), protocol="openai_responses", **members)
    body, losses = emitted(request, HOST)
    assert body == {"model": "m", "messages": [HI]}
    assert losses == [
        "approximated:capabilities.prompt_cache",
        "dropped:capabilities.prompt_cache.key",
        "dropped:capabilities.prompt_cache.retention",
        "dropped:capabilities.prompt_cache.vendor_extensions.mode",
        "dropped:generation.verbosity",
        "dropped:metadata",
        "dropped:store",
    ]
    known = {"modalities", "store", "metadata", "verbosity", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}
    for protocol, dialect in (("openai_responses", OPENAI), ("openai_chat", HOST), ("", HOST)):
        assert known <= emitted(foreign(user("Hi"), protocol=protocol, **members), dialect)[0].keys() | {"prompt_cache_options"}


def test_a_host_of_strings_gets_strings() -> None:
    """Texts are joined, a picture is told as lost, and a message that was nothing else is left out."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://h/x.png"}}
    body = {
        "max_tokens": 5,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "One."}, picture, {"type": "text", "text": "Two."}]},
            {"role": "assistant", "content": "Well?"},
            {"role": "user", "content": [picture]},
        ],
    }
    written, losses = translated("anthropic_messages", body, msgspec.structs.replace(HOST, takes_parts=False))
    assert written["messages"] == [{"role": "user", "content": "One.\n\nTwo."}, {"role": "assistant", "content": "Well?"}]
    assert losses == ["approximated:input[*].parts", "dropped:input[*].parts[*]"]
    seen, losses = translated("anthropic_messages", body, msgspec.structs.replace(HOST, takes_parts=False, takes_pictures=True))
    shown = {"type": "image_url", "image_url": {"url": "https://h/x.png"}}
    one, two = ({"type": "text", "text": text} for text in ("One.", "Two."))
    assert [message["content"] for message in seen["messages"]] == [[one, shown, two], "Well?", [shown]]
    assert losses == []


def test_hosts_take_what_an_assistant_thought_and_called_each_in_its_way() -> None:
    """By another name, not at all, or always; where it is not OpenAI's, nothing else of others is taken either. Ids have their form."""
    cited = {"type": "web_search_result_location", "cited_text": "149 m", "url": "https://h", "title": "t", "encrypted_index": "e"}
    body = {
        "max_tokens": 5,
        "messages": [
            {"role": "user", "content": "How deep?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "text", "text": "149 m", "citations": [cited]},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
            {"role": "assistant", "content": "So deep."},
            {"role": "user", "content": "Thanks."},
        ],
    }

    def said(**differences: Any) -> tuple[list[Any], list[str]]:
        written, losses = translated("anthropic_messages", body, msgspec.structs.replace(HOST, **differences))
        return written["messages"], losses

    messages, losses = said(thoughts_member="reasoning")
    assert messages[1].keys() == {"role", "content", "reasoning", "tool_calls"}
    assert (messages[1]["reasoning"], messages[2]["tool_call_id"], "dropped:input[1].parts[1].citations" in losses) == (
        "Hm.",
        "toolu_1",
        True,
    )
    messages, losses = said(thoughts_member="", id_length=9)
    assert messages[1].keys() == {"role", "content", "tool_calls"}
    (call,) = messages[1]["tool_calls"]
    assert (len(call["id"]), call["id"].isalnum(), messages[2]["tool_call_id"]) == (9, True, call["id"])
    assert {"dropped:input[1].parts[0]", "approximated:input[*].parts[*].call_id"} <= set(losses)
    messages, losses = said(needs_thoughts=True)
    assert [messages[at]["reasoning_content"] for at in (1, 3)] == ["Hm.", " "]
    assert "defaulted:input[*].parts" in losses
