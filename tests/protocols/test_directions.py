"""Every feature in every direction: what is lost is said, what is written the official SDKs read, and to its own protocol nothing is lost."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.cases import PROTOCOLS, REPLIES, REQUESTS, ReplyCase, RequestCase
from tests.protocols.directions import (
    CONTEXT,
    answered,
    compared_replies,
    compared_requests,
    emitted,
    events_of,
    has_foreign_opaque,
    next_request,
    reassembled,
    sdk_reads,
    sdk_reads_events,
    streamed,
    translated,
)
from tests.protocols.rare_cases import RARE_REPLIES, RARE_REQUESTS

from omnillm.errors import BadRequest, ProtocolError, UpstreamLost
from omnillm.model import Message, Opaque, Reasoning, Text, ToolCall
from omnillm.protocols.transcode import emit_request, emit_response, parse_request, parse_response, transcode_request, transcode_response

ASKED, ANSWERED = (*REQUESTS, *RARE_REQUESTS), (*REPLIES, *RARE_REPLIES)
request_cases = in_turn("case", ASKED, ids=[case.feature for case in ASKED])
reply_cases = in_turn("case", ANSWERED, ids=[case.feature for case in ANSWERED])
WITHOUT_LOGPROBS = [case for case in ANSWERED if all(candidate.logprobs is None for candidate in case.reply.candidates)]
"""They are of the words of a text, and a text that comes whole has none."""
targets = pytest.mark.parametrize("target", PROTOCOLS)
sources = pytest.mark.parametrize("source", PROTOCOLS)


@request_cases
@targets
def test_request_comes_back_or_says_what_was_lost(case: RequestCase, target: str) -> None:
    """Written and read again it is the same request, unless the report says otherwise."""
    try:
        report = emit_request(target, case.request)
    except ProtocolError:
        return
    back = parse_request(target, report.value, model=case.request.model, is_stream=case.request.is_stream)
    if not report.loss_reasons and not back.loss_reasons:
        read, written = compared_requests(back.value, case.request)
        assert read == written


@request_cases
@sources
@targets
def test_translated_request_is_one_of_the_target(case: RequestCase, source: str, target: str) -> None:
    """The target's own parser accepts it; to the same protocol it loses nothing."""
    outcome = translated(case.request, source, target, case.path)
    if source == target:
        assert outcome.kind in {"carried", "unsaid"}, outcome
    if outcome.kind not in {"unsaid", "refused"}:
        said = emit_request(source, case.request)
        again = transcode_request(source, target, said.value, model="model-1")
        back = parse_request(target, again.value, model="model-1")
        assert not back.loss_reasons
        assert [each.wire_format for each in (said, again, back)] == [source, target, target]
        assert {each.canonical_endpoint for each in (said, again, back)} == {"generate"}


def test_required_capability_is_refused_before_anything_is_sent() -> None:
    """A cache that must be, and state that another provider keeps."""
    refused = {(case.feature, target) for case in REQUESTS for target in PROTOCOLS if emitted(case.request, target).kind == "refused"}
    assert ("cache policy, required", "gemini_generate_content") in refused
    keeping = {"openai_responses", "gemini_interactions"}
    assert {target for feature, target in refused if feature == "state kept by the provider"} == {*PROTOCOLS} - keeping


@in_turn("body", [b"", b"{", b"[]", b"\xff{}", b"[" * 50_000])
def test_body_that_is_no_object_has_the_gateways_own_code(body: bytes) -> None:
    """A program that translates by itself is told what the server's clients are."""
    with pytest.raises(BadRequest) as refused:
        transcode_request("openai_chat", "anthropic_messages", body)
    assert refused.value.code == "invalid_json"


@pytest.mark.parametrize("target", [*PROTOCOLS, "bedrock_converse", "canonical"])
def test_request_that_is_nested_too_deeply_is_the_clients_mistake(target: str) -> None:
    """Whether it cannot be read, or not be said again with what the target wraps around it."""
    outcomes = []
    for depth in (*range(800, 1000), 20_000):  # Python 3.13 reads ten times as deep as 3.11
        schema = b'{"a":' * depth + b"1" + b"}" * depth
        tool = b'{"name":"f","input_schema":%b}' % schema
        body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"tools":[%b]}' % tool
        try:
            outcomes.append(transcode_request("anthropic_messages", target, body).bridged)
        except BadRequest:
            outcomes.append(False)
    assert outcomes == sorted(outcomes, reverse=True)
    assert not outcomes[-1]


@targets
def test_reply_that_is_nested_too_deeply_is_the_providers_mistake(target: str) -> None:
    """Whether it cannot be read, or not be said again with what the target wraps around it; a program's own is its own."""
    outcomes = []
    for depth in (*range(800, 1000, 5), 20_000):
        value = b'{"a":' * depth + b"1" + b"}" * depth
        body = (
            b'{"id":"m","type":"message","role":"assistant","model":"m","stop_reason":"tool_use","content":[%b],"usage":{"input_tokens":1,"output_tokens":1}}'
            % (b'{"type":"tool_use","id":"t","name":"f","input":%b}' % value)
        )
        try:
            outcomes.append(
                transcode_response("anthropic_messages", target, body, context=CONTEXT).bridged or target == "anthropic_messages"
            )
        except UpstreamLost:
            outcomes.append(False)
    assert outcomes == sorted(outcomes, reverse=True)
    assert not outcomes[-1]
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    reply = msgspec.structs.replace(REPLIES[0].reply, raw_usage=None, vendor_extensions={"x": deep}, protocol=target)
    with pytest.raises(UpstreamLost, match="deeply"):
        emit_response("canonical", reply, CONTEXT)


@reply_cases
@targets
def test_reply_is_read_by_the_official_sdk(case: ReplyCase, target: str) -> None:
    """Strictly: every required member, every closed enum."""
    body = emit_response(target, case.reply, CONTEXT).value
    sdk_reads(target, body)


@in_turn("target", PROTOCOLS)
def test_name_of_who_answers_is_told_as_lost(target: str) -> None:
    """No protocol has one for the model."""
    [candidate] = REPLIES[0].reply.candidates
    named = msgspec.structs.replace(candidate, message=msgspec.structs.replace(candidate.message, name="ada"))
    report = emit_response(target, msgspec.structs.replace(REPLIES[0].reply, candidates=(named,)), CONTEXT)
    assert [(reason.kind, reason.path) for reason in report.loss_reasons] == [("dropped", "candidates[0].message.name")]


@reply_cases
@targets
def test_reply_comes_back_or_says_what_was_lost(case: ReplyCase, target: str) -> None:
    """Written and read again it says the same, unless the report says otherwise."""
    report = emit_response(target, case.reply, CONTEXT)
    back = parse_response(target, report.value)
    assert not back.loss_reasons
    if not report.loss_reasons and not has_foreign_opaque(case.reply, target):
        read, written = compared_replies(back.value, case.reply)
        assert read == written


@reply_cases
@targets
def test_stream_is_read_by_the_official_sdk_and_comes_back(case: ReplyCase, target: str) -> None:
    """Event by event; put together it is the reply, unless the report says otherwise."""
    frames, reasons = streamed(events_of(case.reply), target)
    assert sdk_reads_events(target, frames)
    back, _ = reassembled(frames, target)
    if not reasons and not has_foreign_opaque(case.reply, target):
        read, written = compared_replies(back, case.reply)
        assert read == written


@in_turn("case", WITHOUT_LOGPROBS, ids=[case.feature for case in WITHOUT_LOGPROBS])
@targets
def test_part_may_come_whole_at_its_start(case: ReplyCase, target: str) -> None:
    """As those do that a program of the model's wrote: the client reads the same reply as if it had grown, and the same is lost."""
    grown, lost = streamed(events_of(case.reply), target)
    whole, lost_whole = streamed(events_of(case.reply, is_whole=True), target)
    assert sdk_reads_events(target, whole)
    read, grown_read = compared_replies(reassembled(whole, target)[0], reassembled(grown, target)[0])
    assert read == grown_read
    assert lost_whole == lost
    if target in {"openai_chat", "openai_responses"}:  # what a plain answer loses, too
        assert lost == emit_response(target, case.reply, CONTEXT).loss_reasons


@in_turn("case", REPLIES, ids=[case.feature for case in REPLIES])
@targets
def test_opaque_value_comes_back_through_a_foreign_client(case: ReplyCase, target: str) -> None:
    """The client sends the reply back as it came, whole or streamed, and the issuer's value is the issuer's again."""
    if not has_foreign_opaque(case.reply, target):
        return
    [candidate] = case.reply.candidates
    whole = msgspec.json.decode(emit_response(target, case.reply, CONTEXT).value)
    back = parse_request(target, msgspec.json.encode(next_request(target, whole))).value
    assert opaques(back.messages[-1]) == opaques(candidate.message)
    assert back.messages[-1].plain_text == candidate.message.plain_text
    assert [call.name for call in back.messages[-1].tool_calls] == [call.name for call in candidate.message.tool_calls]


def opaques(message: Message) -> list[tuple[type, Opaque]]:
    """Of each part that has one, with the kind of the part."""
    found = []
    for part in message.parts:
        opaque = part.opaque if isinstance(part, Reasoning) else part.signature if isinstance(part, Text | ToolCall) else None
        if opaque is not None:
            found.append((type(part), opaque))
    return found


@reply_cases
@targets
def test_stream_and_whole_reply_lose_the_same_kinds(case: ReplyCase, target: str) -> None:
    """Whether something is lost does not depend on how it is read."""
    whole = {reason.kind for reason in answered(case.reply, target).reasons}
    _, reasons = streamed(events_of(case.reply), target)
    assert bool(whole) == bool(reasons), (whole, reasons)
