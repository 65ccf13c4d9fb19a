"""Judgement without sockets: whatever arrives is answered in the protocol's form."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.testing import FAULTS, Behaviour, ManualClock
from omnillm.testing.connection import Arrived
from omnillm.testing.delivery import plan
from omnillm.testing.judge import Judge
from omnillm.testing.script import Script

TARGETS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/v1/models/m:generateContent")
WORDS = (
    "model messages input contents tools function name parameters functionDeclarations input_schema schema properties enum type role content "
    "text parts stream stream_options include_usage max_tokens max_output_tokens max_completion_tokens n generationConfig candidateCount "
    "system instructions generateContentRequest"
)
NAMES = st.sampled_from(WORDS.split())
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.sampled_from(["user", "m", "string"])
)
NODES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)
BODIES = st.dictionaries(NAMES, NODES, max_size=8)
GOOD = {
    "model": "m",
    "messages": [{"role": "user", "content": "[[tool]]"}],
    "input": "[[tool]]",
    "contents": [{"parts": [{"text": "[[tool]]"}]}],
    "max_tokens": 900,
}


def judged(target, body, fault=None):
    script = Script({"k": Behaviour()})
    script.queue.append(fault)
    judge = Judge(script, ManualClock(), ("m",))
    headers = {b"x-api-key": b"k", b"anthropic-version": b"2023-06-01"}
    return judge.judge(Arrived(1, "POST", target, headers, body, True), 1)


@given(st.sampled_from(TARGETS), BODIES, st.booleans())
def test_any_json_is_answered(target, body, completes):
    """Any object is a reply or a 400, never an exception; so it is on top of what a good request has."""
    call = judged(target, msgspec.json.encode(GOOD | body if completes else body))
    assert call.reply.status in {200, 400}
    assert call.reply.pieces


@given(st.sampled_from(TARGETS), st.binary(max_size=40))
def test_any_bytes_are_answered(target, body):
    """What is not JSON is a 400."""
    assert judged(target, body).reply.status == 400


@pytest.mark.parametrize("target", TARGETS)
def test_deep_nesting_is_a_bad_request(target):
    """Depth does not exhaust the stack."""
    assert judged(target, b'{"model":"m","messages":' + b"[" * 100_000).reply.status == 400
    depth = 900
    body = b'{"model":"m","max_tokens":9,"messages":%b,"input":%b,"contents":%b}' % ((b"[" * depth + b'"x"' + b"]" * depth,) * 3)
    assert judged(target, body).reply.status in {200, 400}


@given(st.sampled_from(TARGETS), st.lists(NODES, max_size=2), st.booleans())
def test_any_tools_are_answered(target, schemas, streams):
    """Whatever stands for a schema, the call of the tool has arguments or the request is a 400."""
    tools = [
        {"type": "function", "name": "t", "input_schema": schema, "parameters": schema, "function": {"name": "t", "parameters": schema}}
        | {"functionDeclarations": [{"name": "t", "parameters": schema}]}
        for schema in schemas
    ]
    call = judged(target, msgspec.json.encode(GOOD | {"tools": tools, "stream": streams}))
    assert call.reply.status in {200, 400}
    if schemas and call.generation is not None:
        assert isinstance(msgspec.json.decode(call.generation.blocks[-1].text), dict)


TOOL_CHOICES = {
    "/v1/chat/completions": ("required", {"type": "function", "function": {"name": "a"}}, "auto"),
    "/v1/responses": ("required", {"type": "function", "name": "a"}, "auto"),
    "/v1/messages": ({"type": "any"}, {"type": "tool", "name": "a"}, {"type": "auto"}),
    "/v1/models/m:generateContent": ("ANY", "a", "AUTO"),
    "/model/m/converse": ({"any": {}}, {"tool": {"name": "a"}}, {"auto": {}}),
}


@in_turn("target", TOOL_CHOICES)
def test_a_tool_that_has_to_be_called_is_called(target):
    """Without a marker: the one that is named, else the last, where agents put the one that ends their run."""
    tools = [
        {"name": name, "input_schema": {}, "type": "function", "function": {"name": name}, "functionDeclarations": [{"name": name}]}
        for name in "ab"
    ]
    for choice, called in zip(TOOL_CHOICES[target], ("b", "a", None), strict=True):
        config = {"mode": choice if choice in ("ANY", "AUTO") else "ANY"} | ({"allowedFunctionNames": ["a"]} if choice == "a" else {})
        body = GOOD | {"messages": [{"role": "user", "content": "go"}], "input": "go", "contents": [{"parts": [{"text": "go"}]}]}
        body |= {"tools": tools, "tool_choice": choice, "toolConfig": {"functionCallingConfig": config}}
        if "converse" in target:
            specs = [{"toolSpec": {"name": name, "inputSchema": {"json": {}}}} for name in "ab"]
            body = {"messages": [{"role": "user", "content": [{"text": "go"}]}], "toolConfig": {"tools": specs, "toolChoice": choice}}
        blocks = judged(target, msgspec.json.encode(body)).generation.blocks
        assert [block.name for block in blocks if block.kind == "tool"] == ([called] if called else [])


@in_turn("target", [*TARGETS, "/v1/models/m:streamGenerateContent", "/v1/models/m:streamGenerateContent?alt=sse"])
@in_turn("marker", ["[[refuse]]", "[[redacted]]", "[[think]] [[tools]]"])
def test_every_fault_befalls_every_form_of_reply(target, marker):
    """However few pieces a reply has, a fault finds its place in it."""
    tool = {"name": "t", "input_schema": {}, "type": "function", "function": {"name": "t"}, "functionDeclarations": [{"name": "t"}]}
    body = GOOD | {"tools": [tool], "stream": True, "max_output_tokens": 90}
    if "count" in target:
        body = {name: body[name] for name in ("model", "messages", "tools")}  # whatever else there is, a count refuses
    asked = msgspec.json.encode(body).replace(b"[[tool]]", marker.encode())
    for name in FAULTS.keys() - {"huge_event", "huge_head"}:
        call = judged(target, asked, FAULTS[name])
        assert call.fault.name == name
        assert plan(call.reply, call.fault)
