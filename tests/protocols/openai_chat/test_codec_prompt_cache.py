"""Marks and policies of the prompt cache, for OpenAI and for hosts that cache in ways of their own."""

import pytest
from tests.in_turn import in_turn
from tests.protocols.openai_chat.asking import HOST, OPENAI, TOOL, converses, emitted, foreign, parsed

from omnillm.errors import ProtocolError
from omnillm.model import (
    CacheControl,
    CapabilitySet,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    ExplicitKey,
    Message,
    MessageRole,
    PromptCachePolicy,
    PromptCacheRetention,
    Text,
    ToolCall,
    ToolResult,
    user,
)


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
    ("dialect", "policy", "members", "losses"),
    [
        (OPENAI, PromptCachePolicy(), {}, ["approximated:{}"]),
        (OPENAI, PromptCachePolicy.required(), {}, ["approximated:{}"]),
        (OPENAI, PromptCachePolicy.disabled(), {}, ["approximated:{}"]),
        (OPENAI, PromptCachePolicy(mode="required", key=ExplicitKey(value="k")), {"prompt_cache_key": "k"}, []),
        (OPENAI, PromptCachePolicy(retention=PromptCacheRetention.LONG), {"prompt_cache_retention": "24h"}, []),
        (OPENAI, PromptCachePolicy(breakpoint=EndOfTools()), {}, ["dropped:{}.breakpoint"]),
        (OPENAI, PromptCachePolicy(breakpoint=EndOfMessage(index=9)), {}, ["dropped:{}.breakpoint"]),
        (HOST, PromptCachePolicy(breakpoint=EndOfMessage(index=0)), {}, ["dropped:{}.breakpoint"]),
        (HOST, PromptCachePolicy(key=ExplicitKey(value="k")), {}, ["approximated:{}", "dropped:{}.key"]),
        (HOST, PromptCachePolicy(retention=PromptCacheRetention.LONG), {}, ["approximated:{}", "dropped:{}.retention"]),
    ],
)
def test_policy_of_the_cache(dialect, policy, members, losses):
    """A key and a term are said to OpenAI, whose members they are; that the rest is the host's own affair is told."""
    body, found = emitted(foreign(user("Hi"), capabilities=CapabilitySet(prompt_cache=policy)), dialect)
    assert {name: value for name, value in body.items() if name.startswith("prompt_cache")} == members
    assert found == [loss.format("capabilities.prompt_cache") for loss in losses]


@pytest.mark.parametrize(("place", "number"), [(EndOfInstructions(), 0), (EndOfMessage(index=0), 1)])
def test_breakpoint_of_the_policy_is_a_mark(place, number):
    """On the last part before it."""
    capabilities = CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=place))
    body, losses = emitted(foreign(user("Hi"), user("Ho"), instructions="Be brief.", capabilities=capabilities))
    marks = [number for number, message in enumerate(body["messages"]) if "prompt_cache_breakpoint" in str(message)]
    assert marks == [number]
    assert losses == ["moved:capabilities.prompt_cache.breakpoint", "moved:instructions"]


@in_turn(
    ("protocol", "policy"),
    [
        ("anthropic_messages", PromptCachePolicy.required()),
        ("", PromptCachePolicy.required()),
        ("anthropic_messages", PromptCachePolicy(mode="required", key=ExplicitKey(value="k"))),
    ],
)
def test_required_cache_is_refused_where_nothing_can_be_said(protocol, policy):
    """Before anything is sent: a host may refuse the key."""
    with pytest.raises(ProtocolError, match="cannot be told"):
        emitted(foreign(user("Hi"), protocol=protocol, capabilities=CapabilitySet(prompt_cache=policy)), HOST)
