"""Requests written for Converse: what botocore's model of the service accepts, and what the report says of the rest."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.model.strategies import requests
from tests.protocols.bedrock_converse.asking import CALL, FOREIGN, NOVA, SEARCH, TOOLS, asked, body, emit, losses, said
from tests.protocols.bedrock_converse.oracle import CLAUDE, problems
from tests.protocols.cases import REQUESTS, RequestCase
from tests.protocols.rare_cases import RARE_REQUESTS

from omnillm.errors import ProtocolError
from omnillm.model import (
    CacheControl,
    GenerationConfig,
    Issuer,
    Json,
    LlmRequest,
    Message,
    MessageRole,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    user,
)
from omnillm.protocols.transcode import parse_request

FEATURES = (*REQUESTS, *RARE_REQUESTS)
OWN = Issuer(protocol="bedrock_converse", provider="aws")


@in_turn("case", FEATURES, ids=[case.feature for case in FEATURES])
def test_every_feature_is_written_as_the_service_accepts_it(case: RequestCase) -> None:
    """Whatever can be asked, botocore's validator finds nothing wrong with what is sent."""
    try:
        report = emit(case.request)
    except ProtocolError:
        return
    assert problems(json.loads(report.value)) == ""


@settings(max_examples=20, deadline=None)
@given(requests())
def test_any_conversation_is_written_as_the_service_accepts_it(request: LlmRequest) -> None:
    """Roles alternate, no content is empty, and botocore's validator finds nothing wrong."""
    try:
        report = emit(request)
    except ProtocolError:
        return
    written = json.loads(report.value)
    assert problems(written) == ""
    roles = [message["role"] for message in written["messages"]]
    assert all(one != other for one, other in pairwise(roles))
    assert all(message["content"] for message in written["messages"])


def test_conversation_is_said_in_blocks() -> None:
    """System text, both roles, a call, its result and signed reasoning stand where Converse wants them."""
    request = asked(
        Message.text(MessageRole.SYSTEM, "Be brief."),
        user("How deep?"),
        Message(
            role=MessageRole.ASSISTANT,
            parts=(
                Reasoning(text="Look it up.", opaque=Opaque(value="c2ln", issuer=OWN)),
                Reasoning(opaque=Opaque(value="cmVk", issuer=OWN), is_redacted=True),
                ToolCall(call_id="t1", name="search", arguments='{"q":"depth"}'),
            ),
        ),
        ToolResult(call_id="t1", content=(Text(text="9 m"), Json(value={"depth": 9})), is_error=False),
        user("Thanks."),
        capabilities=TOOLS,
        generation=GenerationConfig(max_output_tokens=99, temperature=0.5, stop=("END",)),
        is_stream=True,
    )
    assert body(request) == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "How deep?"}]},
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Look it up.", "signature": "c2ln"}}},
                    {"reasoningContent": {"redactedContent": "cmVk"}},
                    {"toolUse": {"toolUseId": "t1", "name": "search", "input": {"q": "depth"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"text": "9 m"}, {"json": {"depth": 9}}], "status": "success"}},
                    {"text": "Thanks."},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 99, "temperature": 0.5, "stopSequences": ["END"]},
        "toolConfig": {"tools": [{"toolSpec": {"name": "search", "description": "Search.", "inputSchema": {"json": SEARCH.input_schema}}}]},
    }
    assert losses(request) == set()


LONG_ID = "call." + "x" * 70


@in_turn(
    ("request", "system", "messages", "lost"),
    [
        (
            asked(Message.text(MessageRole.SYSTEM, "Be brief."), Message.text(MessageRole.SYSTEM, "Be kind.")),
            None,
            [{"role": "user", "content": [{"text": "Be brief."}, {"text": "Be kind."}]}],
            {"moved:input[1]"},
        ),
        (
            asked(user("hi"), instructions="Be brief."),
            [{"text": "Be brief."}],
            [{"role": "user", "content": [{"text": "hi"}]}],
            {"moved:instructions"},
        ),
        (asked(user("hi"), instructions=" "), None, [{"role": "user", "content": [{"text": "hi"}]}], {"dropped:instructions"}),
        (
            asked(Message(role=MessageRole.SYSTEM, parts=(Text(text=" "), Text(text="Be kind."))), user("hi")),
            [{"text": "Be kind."}],
            [{"role": "user", "content": [{"text": "hi"}]}],
            {"dropped:input[0].parts[0]"},
        ),
        (
            asked(user("hi"), said(Reasoning(summary=("One.", "Two."), opaque=Opaque(value="s", issuer=OWN))), user("go on")),
            None,
            [{"reasoningContent": {"reasoningText": {"text": "One.\n\nTwo.", "signature": "s"}}}],
            {"approximated:input[1].parts[0].summary"},
        ),
        (
            asked(user("hi"), said(Reasoning(text="Hm.", opaque=Opaque(value="s", issuer=OWN), cache_control=CacheControl())), user("ok")),
            None,
            [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}],
            {"dropped:input[1].parts[0].cache_control"},
        ),
        (
            asked(user("hi"), said(replace(CALL, signature=FOREIGN)), ToolResult(call_id="t1", name="other"), capabilities=TOOLS),
            None,
            [{"toolUse": {"toolUseId": "t1", "name": "search", "input": {}}}],
            {"dropped:input[1].parts[0].signature", "dropped:input[2].name"},
        ),
        (
            asked(user("hi"), said(replace(CALL, call_id=LONG_ID)), ToolResult(call_id=LONG_ID), capabilities=TOOLS),
            None,
            None,
            {"approximated:input[1].parts[0].call_id", "approximated:input[2].call_id"},
        ),
    ],
)
def test_what_is_said_differently_is_told(
    request: LlmRequest, system: list[Any] | None, messages: list[Any] | None, lost: set[str]
) -> None:
    """The first or second message, as the case is about the user or the assistant; ids of a call and its result stay the same."""
    written = body(request)
    assert written.get("system") == system
    assert losses(request) == lost
    if messages is None:
        [call], [result] = written["messages"][1]["content"], written["messages"][2]["content"]
        assert call["toolUse"]["toolUseId"] == result["toolResult"]["toolUseId"]
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", call["toolUse"]["toolUseId"])
    elif "role" in messages[0]:
        assert written["messages"] == messages
    else:
        assert written["messages"][1]["content"] == messages


@in_turn("model", [CLAUDE, NOVA])
def test_conversation_begins_with_the_user(model: str) -> None:
    """Or all but Claude refuse it: an application's greeting was asked for."""
    greeting = Message(role=MessageRole.ASSISTANT, parts=(Text(text="Welcome."),))
    request = asked(Message(role=MessageRole.SYSTEM, parts=(Text(text="Be kind."),)), greeting, user("hi"), model=model)
    begun = [] if model == CLAUDE else [[{"text": "Begin."}]]
    assert [message["content"] for message in body(request)["messages"]] == [*begun, [{"text": "Welcome."}], [{"text": "hi"}]]
    assert losses(request) == (set() if model == CLAUDE else {"approximated:input[1]"})


def test_no_client_speaks_it() -> None:
    """What would read a client's Converse body refuses, by name."""
    with pytest.raises(ProtocolError, match="not by clients"):
        parse_request("bedrock_converse", b"{}")
