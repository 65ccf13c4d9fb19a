"""Interactions, read to the canonical model and written again: Google's own, then everybody's."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.gemini_interactions.asking import CLAUDE, GEMINI, ISSUER, P, parse, read, said, write

from omnillm.model import (
    Audio,
    Candidate,
    Citation,
    FinishReason,
    ImageBase64,
    InlineSource,
    LlmResponse,
    MessagePart,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from omnillm.protocols.carrier import unpack
from omnillm.protocols.gemini_interactions.moment import read_moment, write_moment
from omnillm.protocols.gemini_interactions.parse.reply import parse_reply
from omnillm.protocols.gemini_interactions.usage import read_usage, write_usage
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

OWN = Opaque(value="c2ln", issuer=ISSUER)
USAGE = {
    "total_tokens": 133,
    "total_input_tokens": 53,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 53}],
    "total_cached_tokens": 3,
    "total_output_tokens": 15,
    "total_tool_use_tokens": 0,
    "total_thought_tokens": 65,
}
WHOLE: dict[str, Any] = {
    "id": "v1_ChdVbXNI",
    "object": "interaction",
    "status": "requires_action",
    "model": "gemini-3.8-flash",
    "created": "2026-05-15T18:52:03Z",
    "updated": "2026-05-15T18:52:03Z",
    "steps": [
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Hm."}]},
        {"type": "model_output", "content": [{"type": "text", "text": "I look."}]},
        {"type": "google_search_call", "id": "g1", "signature": "c2ln", "arguments": {"queries": ["weather"]}},
        {"type": "google_search_result", "call_id": "g1", "result": [{"search_suggestions": "x"}]},
        {"type": "function_call", "id": "61nzpsv4", "name": "weather", "arguments": {"city": "Oslo"}},
    ],
    "usage": USAGE,
    "service_tier": "standard",
}


def answers(*parts: MessagePart, reason: FinishReason = FinishReason.STOP, **members: Any) -> LlmResponse:
    candidate = Candidate(message=said(*parts), finish_reason=reason, **members)
    return LlmResponse(id="resp_1", model="m", created=1_795_608_000, candidates=(candidate,), protocol="openai_responses")


def written(*parts: MessagePart) -> tuple[list[dict[str, Any]], dict[str, str]]:
    has_call = any(type(part) is ToolCall for part in parts)
    body, lost = write(answers(*parts, reason=FinishReason.TOOL_CALL if has_call else FinishReason.STOP))
    return body["steps"], lost


def output(*contents: dict[str, Any]) -> dict[str, Any]:
    return {"type": "model_output", "content": list(contents)}


def words(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **members}


def test_reply_of_googles_is_read_whole() -> None:
    """Its thoughts, what it said, the traces of its tools, and the call that it waits for."""
    reply = read(WHOLE)
    assert reply.message.parts == (
        Reasoning(text="Hm.", opaque=OWN),
        Text(text="I look."),
        Native(protocol=P, kind="google_search_call", value=WHOLE["steps"][2]),
        Native(protocol=P, kind="google_search_result", value=WHOLE["steps"][3]),
        ToolCall(call_id="61nzpsv4", name="weather", arguments='{"city":"Oslo"}'),
    )
    assert reply.finish_reason is FinishReason.TOOL_CALL
    assert (reply.id, reply.model, reply.service_tier) == ("v1_ChdVbXNI", "gemini-3.8-flash", "standard")
    assert write_moment(reply.created or 0) == "2026-05-15T18:52:03Z"
    assert reply.usage == Usage(input=50, cache_read=3, output=15, reasoning=65, tool_calls=1)
    assert write(reply) == (WHOLE, {})


def test_what_repeats_the_request_is_left_out() -> None:
    """And what the SDK adds; what nobody knows yet is kept."""
    reply = read({"steps": [], "system_instruction": "Be brief.", "output_text": "", "environment_id": "e1"})
    assert reply.vendor_extensions == {"environment_id": "e1"}


@in_turn(
    ("body", "path"),
    [
        ({"steps": []}, "status"),
        ({"status": "completed", "steps": 7}, "steps"),
        ({"status": "completed", "steps": [{"type": "thought", "summary": 7}]}, "steps[0].summary"),
        ({"status": "completed", "steps": [output({"type": "text"})]}, "steps[0].content[0].text"),
    ],
)
def test_reply_that_is_none_is_told_by_its_place(body: dict[str, Any], path: str) -> None:
    """It is the provider's mistake."""
    with pytest.raises(Unfit) as found:
        parse_reply(body, ISSUER, Losses())
    assert found.value.path == path


@in_turn(
    ("status", "reason", "native"),
    [
        ("completed", FinishReason.STOP, ""),
        ("requires_action", FinishReason.TOOL_CALL, ""),
        ("incomplete", FinishReason.LENGTH, ""),
        ("requires_continuation", FinishReason.PAUSE, ""),
        ("cancelled", FinishReason.CANCELLED, ""),
        ("failed", FinishReason.ERROR, ""),
        ("budget_exceeded", FinishReason.OTHER, "budget_exceeded"),
        ("in_progress", FinishReason.OTHER, "in_progress"),
    ],
)
def test_status_is_why_it_ended(status: str, reason: FinishReason, native: str) -> None:
    """And is written again as it was."""
    reply = read({"status": status, "steps": []})
    assert (reply.finish_reason, reply.candidates[0].native_finish_reason) == (reason, native)
    body, lost = write(reply)
    assert (body["status"], lost) == (status, {})


def test_completed_interaction_with_a_call_waits_for_its_result() -> None:
    """Whatever the status says."""
    assert read({**WHOLE, "status": "completed"}).finish_reason is FinishReason.TOOL_CALL


def test_places_of_citations_are_counted_in_bytes() -> None:
    """And in characters elsewhere; one that is no place in the text is none."""
    cited = {"type": "url_citation", "url": "https://example.com", "title": "Lake", "start_index": 6, "end_index": 13}
    [part] = read({"steps": [output(words("Tief: 149 µm.", annotations=[cited]))]}).message.parts
    assert isinstance(part, Text)
    assert part.citations == (Citation(url="https://example.com", title="Lake", start=6, end=12, protocol=P),)
    outside = {**cited, "start_index": 12, "end_index": 99}
    [part] = read({"steps": [output(words("Tief: 149 µm.", annotations=[outside]))]}).message.parts
    assert isinstance(part, Text)
    assert (part.citations[0].start, part.citations[0].native) == (None, outside)
    [step], lost = written(Text(text="µµµ", citations=(Citation(url="https://example.com", start=1, end=2, cited_text="x"), Citation())))
    assert step["content"][0]["annotations"] == [{"type": "url_citation", "url": "https://example.com", "start_index": 2, "end_index": 4}]
    assert lost == {
        "candidates[0].message.parts[0].citations.cited_text": "dropped",
        "candidates[0].message.parts[0].citations": "dropped",
    }


def test_citation_that_only_begins_is_read_and_written() -> None:
    """Where it ends is not said."""
    cited = {"type": "url_citation", "url": "https://example.com", "start_index": 2}
    reply = read({"steps": [output(words("µ149 m.", annotations=[cited]))]})
    [part] = reply.message.parts
    assert isinstance(part, Text)
    assert part.citations == (Citation(url="https://example.com", start=1, protocol=P),)
    assert write(reply)[0]["steps"][0]["content"][0]["annotations"] == [cited]


def test_thought_keeps_its_words_whatever_is_noted_beside_them() -> None:
    """One that says nothing at all is no part."""
    noted = words("Hm.", annotations=[{"type": "url_citation", "url": "https://example.com"}])
    reply = read({"steps": [{"type": "thought", "summary": [noted]}, {"type": "thought"}]})
    assert reply.message.parts == (Reasoning(text="Hm."),)


def test_citation_of_a_file_or_a_place_is_said_by_its_address() -> None:
    """Its own protocol gets all of it back."""
    cited = [
        {"type": "file_citation", "document_uri": "files/1", "file_name": "a.pdf", "page_number": 3},
        {"type": "place_citation", "url": "https://maps.example.com", "name": "Lake"},
    ]
    reply = read({"steps": [output(words("149 m.", annotations=cited))]})
    [part] = reply.message.parts
    assert isinstance(part, Text)
    assert [(each.url, each.title) for each in part.citations] == [("files/1", "a.pdf"), ("https://maps.example.com", "Lake")]
    assert write(reply)[0]["steps"][0]["content"][0]["annotations"] == cited


def test_parts_are_a_step_each_and_signatures_travel_in_thoughts() -> None:
    """Of a call before it, of a text or a picture behind it; reasoning bears its own."""
    parts = (
        Reasoning(text="Hm.", opaque=CLAUDE),
        Text(text="149 m.", signature=GEMINI),
        ImageBase64(data=b"\0", media_type="image/png", signature=GEMINI),
        ToolCall(call_id="c1", name="weather", arguments="{}", signature=GEMINI),
    )
    steps, lost = written(*parts)
    assert [step["type"] for step in steps] == ["thought", "model_output", "thought", "model_output", "thought", "thought", "function_call"]
    assert [unpack(steps[at]["signature"], P).purpose for at in (0, 2, 4, 5)] == ["", "text", "text", "call"]
    assert lost == {}
    [message] = parse(input=steps).input
    assert message.parts == parts


def test_own_signature_of_a_call_stands_on_it() -> None:
    """Where Google's API has put it."""
    reply = read({"steps": [{**WHOLE["steps"][4], "signature": "c2ln"}]})
    assert reply.message.tool_calls[0].signature == OWN
    assert write(reply)[0]["steps"] == [{**WHOLE["steps"][4], "signature": "c2ln"}]


@in_turn(
    ("part", "step", "kinds"),
    [
        (Reasoning(), None, ["dropped"]),
        (Reasoning(text="Hm."), {"type": "thought", "summary": [words("Hm.")]}, []),
        (Reasoning(summary=("Hm.", "Oh.")), {"type": "thought", "summary": [words("Hm."), words("Oh.")]}, ["approximated"]),
        (Refusal(text="No."), output(words("No.")), ["approximated"]),
        (
            ToolCall(call_id="c1", name="sh", arguments="ls", kind="custom"),
            {"type": "function_call", "arguments": {"input": "ls"}},
            ["approximated"],
        ),
        (ToolCall(call_id="c1", name="sh", arguments="{ls"), {"type": "function_call", "arguments": {"_raw": "{ls"}}, ["approximated"]),
        (Audio(source=InlineSource(data=b"\0"), format="wav"), output({"type": "audio", "data": "AA==", "mime_type": "audio/wav"}), []),
        (Audio(audio_id="a1", transcript="Hi"), None, ["dropped", "dropped", "dropped"]),
        (Native(protocol="openai_responses", kind="web_search_call", value={}), None, ["dropped"]),
        (ToolResult(call_id="c1", name="sh", content=(Text(text="a"),)), {"type": "function_result", "call_id": "c1", "result": "a"}, []),
    ],
)
def test_part_of_an_answer_is_a_step_or_told(part: MessagePart, step: Any, kinds: list[str]) -> None:
    """Whatever another provider answers."""
    steps, lost = written(part)
    assert [{name: found[name] for name in step} for found in steps] == ([step] if step else [])
    assert list(lost.values()) == kinds


@in_turn(
    ("reason", "status", "is_exact"),
    [
        (FinishReason.STOP, "completed", True),
        (FinishReason.STOP_SEQUENCE, "completed", False),
        (FinishReason.TOOL_CALL, "requires_action", True),
        (FinishReason.LENGTH, "incomplete", True),
        (FinishReason.CONTENT_FILTER, "incomplete", False),
        (FinishReason.PAUSE, "incomplete", False),
        (FinishReason.REFUSAL, "completed", False),
        (FinishReason.CANCELLED, "cancelled", True),
        (FinishReason.ERROR, "failed", False),
    ],
)
def test_end_of_an_answer_is_a_status(reason: FinishReason, status: str, is_exact: bool) -> None:
    """A pause of another provider has no token to go on by."""
    body, lost = write(answers(Text(text="149 m."), reason=reason))
    assert body["status"] == status
    assert lost == ({} if is_exact else {"candidates[0].finish_reason": "approximated"})


def test_reply_says_who_made_it_in_googles_form() -> None:
    """An id of our own, for another provider's is of another form; moments as Google writes them."""
    body, lost = write(answers(Text(text="149 m.")))
    assert (body["id"], body["object"], body["created"]) == ("v1_0123456789abcdef0123456789abcdef", "interaction", "2026-11-25T12:00:00Z")
    assert lost == {}


def test_prompt_that_was_blocked_has_no_steps() -> None:
    """And one answer of several is given."""
    body, lost = write(LlmResponse(model="m"))
    assert (body["steps"], body["status"]) == ([], "incomplete")
    assert lost == {"candidates": "approximated", "candidates[0].finish_reason": "approximated"}  # as in a stream
    [one] = answers(Text(text="149 m.")).candidates
    body, lost = write(LlmResponse(model="m", candidates=(one, one), service_tier="scale"))
    assert lost == {"candidates[1]": "dropped", "service_tier": "dropped"}


@in_turn("seconds", [0, 951_782_400, 1_709_164_799, 1_795_608_000, 4_107_542_399])
def test_moment_is_read_as_it_was_written(seconds: int) -> None:
    """Leap days and ends of centuries among them."""
    assert read_moment(write_moment(seconds)) == seconds


def test_usage_of_media_is_told_apart() -> None:
    """And searches are counted."""
    usage = read_usage(
        {
            "total_input_tokens": 100,
            "total_cached_tokens": 10,
            "total_output_tokens": 30,
            "total_tool_use_tokens": 5,
            "input_tokens_by_modality": [{"modality": "text", "tokens": 60}, {"modality": "audio", "tokens": 40}],
            "output_tokens_by_modality": [{"modality": "image", "tokens": 20}],
            "grounding_tool_count": [{"type": "google_search", "count": 2}, {"type": "google_maps", "count": 1}],
        }
    )
    assert usage == Usage(input=55, cache_read=10, input_audio=40, output=10, output_image=20, tool_calls=3)
    assert read_usage(write_usage(usage, None, Losses())) == usage
    assert read_usage({"total_input_tokens": -3, "total_output_tokens": "many"}) is None
    assert read_usage({"total_input_tokens": 3.9}) == Usage(input=3)


def test_count_that_no_client_could_read_is_written_anew() -> None:
    """A provider's own object goes out as it is only where the SDK reads it."""
    told = write_usage(Usage(input=3), {"total_input_tokens": "3"}, Losses())
    assert told is not None
    assert told["total_input_tokens"] == 3
    losses = Losses()
    write_usage(Usage(input=3, cache_write_short=2, images=1), None, losses)
    assert [(reason.kind, reason.path) for reason in losses.reasons] == [
        ("approximated", "usage.cache_write_short"),
        ("dropped", "usage.images"),
    ]


def test_whole_reply_is_json_of_plain_values() -> None:
    """As every codec's."""
    assert msgspec.json.decode(msgspec.json.encode(write(read(WHOLE))[0])) == WHOLE
