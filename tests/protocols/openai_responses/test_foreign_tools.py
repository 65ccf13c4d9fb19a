"""Tools of this protocol's clients, before providers of others: namespaces, the local shell, a search that must stay at home."""

from typing import Any

import msgspec
import pytest
from tests.protocols.openai_responses.asking import emit, parse
from tests.protocols.openai_responses.streaming import whole, write
from tests.protocols.openai_responses.test_codec_reply import answer
from tests.protocols.openai_responses.test_codec_reply import emit as emit_reply

from omnillm.model import FinishReason, LlmRequest, PartEnded, PartStarted, Text, ToolCall, ToolCallDelta, ToolResult
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC
from omnillm.protocols.transcode import transcode_request

FOREIGN = ("openai_chat", "anthropic_messages", "gemini_generate_content")
DEPTH = {"type": "function", "name": "depth", "description": "How deep.", "parameters": {"type": "object"}, "strict": False}
WIDTH = {"type": "function", "name": "width", "parameters": {"type": "object"}, "defer_loading": True}
HERON = {"type": "namespace", "name": "mcp__heron", "description": "Lakes.", "tools": [DEPTH, WIDTH]}
OTHER = {"type": "namespace", "name": "other", "tools": [DEPTH]}
CALL = {"type": "function_call", "call_id": "call_1", "name": "depth", "namespace": "mcp__heron", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "149 m"}


def asks(**members: Any) -> LlmRequest:
    return CODEC.parse_request({"model": "m", "input": "Hi", **members}, Losses())


def told(target: str, **members: Any) -> tuple[dict[str, Any], list[str]]:
    """What a provider of `target` is told."""
    body = msgspec.json.encode({"model": "m", "max_output_tokens": 9, "input": "Hi", **members})
    report = transcode_request("openai_responses", target, body, model="m")
    return msgspec.json.decode(report.value), [f"{reason.kind}:{reason.path}" for reason in report.loss_reasons]


@pytest.mark.parametrize("target", FOREIGN)
def test_tools_of_a_namespace_reach_other_providers(target: str) -> None:
    """As functions of a flat name."""
    body, losses = told(target, tools=[HERON], input=[{"role": "user", "content": "Hi"}, CALL, RESULT])
    written = str(body)
    assert written.count("mcp__heron__depth") >= 2
    assert "mcp__heron__width" in written
    assert "dropped:capabilities.tools[0].vendor_extensions.namespace" in losses
    assert not [loss for loss in losses if "input[" in loss]


def test_namespaces_come_back_as_they_were() -> None:
    """To this protocol, with the calls of the history; also where the tool is gone by now."""
    gone = {**CALL, "namespace": "gone"}
    asked = {
        "tools": [DEPTH, HERON, OTHER, {"type": "web_search"}],
        "input": [{"role": "user", "content": "Hi"}, CALL, RESULT, gone, RESULT],
    }
    body, losses = emit(parse(asked))
    assert (body["tools"], body["input"], losses) == (asked["tools"], asked["input"], [])
    for odd in ({**HERON, "tools": []}, {**HERON, "tools": [{"type": "x"}]}, {"type": "namespace", "name": 7, "tools": [DEPTH]}):
        request = parse({"tools": [odd]})
        assert (request.capabilities.tools, emit(request)[0]["tools"]) == ((), [odd])


def test_call_is_the_client_s_again() -> None:
    """By name and namespace, whole and streamed, renamed or not."""
    context = ReplyContext(id="x1", created=7, model="m", request=asks(tools=[HERON]), names={"short": "mcp__heron__depth"})
    for name in ("mcp__heron__depth", "short"):
        call = ToolCall(call_id="call_1", name=name, arguments="{}")
        item = emit_reply(answer(call, finish=FinishReason.TOOL_CALL), context)[0]["output"][0]
        assert (item["name"], item["namespace"]) == ("depth", "mcp__heron")
        started = PartStarted(index=0, part=msgspec.structs.replace(call, arguments=""))
        written, _ = write(*whole(started, ToolCallDelta(index=0, arguments="{}"), PartEnded(index=0)), context=context)
        assert written[-1]["response"]["output"][0] == item
    plain = emit_reply(answer(ToolCall(call_id="call_1", name="depth"), finish=FinishReason.TOOL_CALL), context)[0]["output"][0]
    assert "namespace" not in plain
    assert emit_reply(answer(Text(text="x")), context)[0]["tools"] == [HERON]


@pytest.mark.parametrize("target", FOREIGN)
def test_search_that_stays_at_home_is_no_live_one(target: str) -> None:
    """Nobody else has it."""
    search = {"type": "web_search", "external_web_access": False}
    body, losses = told(target, tools=[search])
    assert "search" not in str(body)
    assert "dropped:capabilities.builtin_tools[0]" in losses
    assert emit(parse({"tools": [search]}))[0]["tools"] == [search]


SHELL = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1", "status": "completed", "action": {"type": "exec", "command": ["ls"], "env": {}}}  # fmt: skip


@pytest.mark.parametrize("output", [RESULT, {"type": "local_shell_call_output", "id": "call_1", "output": "149 m"}])
def test_local_shell_is_a_function_elsewhere(output: dict[str, Any]) -> None:
    """Call and output stay together; to this protocol both are what they were."""
    items = [{"role": "user", "content": "Hi"}, SHELL, output]
    request = parse({"input": items})
    [call] = request.messages[1].tool_calls
    assert (call.call_id, call.name, call.arguments) == ("call_1", "local_shell", '{"command":["ls"],"env":{}}')
    result = request.input[2]
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.content) == ("call_1", (Text(text="149 m"),))
    assert emit(request) == ({"model": "m", "input": items}, [])
    for target in FOREIGN:
        body, losses = told(target, input=items)
        assert "149 m" in str(body)
        assert "dropped:input[1].parts[0].vendor_extensions.local_shell_call" in losses


def test_result_of_a_native_call_is_native() -> None:
    """They are left out together."""
    items = [{"role": "user", "content": "Hi"}, {"type": "odd_call", "call_id": "call_1"}, RESULT, {"type": "local_shell_call"}]
    assert emit(parse({"input": items})) == ({"model": "m", "input": items}, [])
    for target in FOREIGN:
        body, losses = told(target, input=items)
        assert "149 m" not in str(body)
        assert [loss for loss in losses if "input[1]" in loss]
        assert [loss for loss in losses if "input[2]" in loss]
