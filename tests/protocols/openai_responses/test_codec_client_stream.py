"""Streams of the Responses API as clients get them: each step that they wait for, and what is lost."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from tests.in_turn import in_turn
from tests.model import strategies
from tests.protocols.openai_responses.recorded import EVENT, ISSUER
from tests.protocols.openai_responses.streaming import (
    COMPLETED,
    CONTEXT,
    CREATED,
    MESSAGE,
    OWN,
    added,
    assembled,
    at,
    done,
    kinds,
    read,
    whole,
    write,
)

from omnillm.framing.sse import SseReader
from omnillm.model import (
    Audio,
    AudioDelta,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageBase64,
    Issuer,
    LlmStreamEvent,
    Native,
    NativeEvent,
    Opaque,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Video,
)
from omnillm.model.media import UrlSource
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC

GEMINI = Opaque(value="c2ln", issuer=Issuer(protocol="gemini_generate_content"))


def test_item_that_begins_while_a_message_grows_stands_behind_it() -> None:
    """And one that the stream never finishes is written as it was announced."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "in_progress", "action": {"type": "search", "query": "lake"}}
    events = read(
        CREATED,
        added(MESSAGE),
        at("output_text.delta", content_index=0, delta="a"),
        added(search, 1),
        at("output_text.delta", content_index=0, delta="b"),
        done({**MESSAGE, "content": [{"type": "output_text", "text": "ab", "annotations": []}]}),
        COMPLETED,
    )
    written = write(*events)[0]
    assert [item["type"] for item in written[-1]["response"]["output"]] == ["message", "web_search_call"]
    assert written[-1]["response"]["output"][0]["content"][0]["text"] == "ab"
    assert written[-1]["response"]["output"][1] == search
    assert [event["item"]["type"] for event in written if event["type"] == "response.output_item.done"] == ["message", "web_search_call"]


def test_end_without_a_beginning_or_a_reason_is_told() -> None:
    """A provider that says nothing has filtered its answer; one that says something, but not why it ended, has ended somehow."""
    empty, lost = write(Completed())
    assert kinds(empty) == ["created", "in_progress", "incomplete"]
    assert lost == ["approximated:candidates"]
    said, lost = write(ResponseStarted(), PartStarted(index=0, part=Text(text="149 m")), PartEnded(index=0), Completed())
    assert (kinds(said)[-1], said[-1]["response"]["output"][0]["content"][0]["text"]) == ("completed", "149 m")
    assert lost == ["approximated:candidates[0].finish_reason"]


def test_text_is_written() -> None:
    """Every step that SDKs and Codex wait for, and the last says all of it."""
    events, losses = write(*whole(PartStarted(index=0, part=Text(text="14")), TextDelta(index=0, text="9 m"), PartEnded(index=0)))
    assert not losses
    assert kinds(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    place = {"item_id": "msg_x1_0", "output_index": 0, "content_index": 0}
    assert events[5] == {"type": "response.output_text.delta", "sequence_number": 5, **place, "delta": "9 m", "logprobs": []}
    assert events[2]["item"] == {"id": "msg_x1_0", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    assert events[6]["text"] == events[7]["part"]["text"] == "149 m"
    last = events[-1]["response"]
    assert (events[0]["response"]["status"], events[0]["response"]["id"], last["id"]) == ("in_progress", "resp_x1", "resp_x1")
    assert last["output"] == [events[8]["item"]]
    assert last["usage"]["total_tokens"] == 27


def test_message_stays_open_for_its_next_part() -> None:
    """Texts of one item are one item, whatever grows beside them."""
    events, _ = write(*whole(
        PartStarted(index=0, part=Text(text="a")),
        PartStarted(index=1, part=Refusal(text="")),
        PartEnded(index=0),
        PartStarted(index=2, part=ToolCall(call_id="c", name="f")),
        RefusalDelta(index=1, text="No."),
        ToolCallDelta(index=2, arguments="{}"),
        PartEnded(index=1),
        PartStarted(index=3, part=Text(text="b")),
        finish=FinishReason.TOOL_CALL,
    ))  # fmt: skip
    assert [item["id"] for item in events[-1]["response"]["output"]] == ["msg_x1_0", "fc_x1_1", "msg_x1_2"]
    assert [event["item"]["id"] for event in events if event["type"] == "response.output_item.done"] == ["msg_x1_0", "fc_x1_1", "msg_x1_2"]
    assert [part["type"] for part in events[-1]["response"]["output"][0]["content"]] == ["output_text", "refusal"]


def test_reasoning_is_written() -> None:
    """Pieces of the summary one after the other, then its own text; what is opaque at the end."""
    events, losses = write(*whole(
        PartStarted(index=0, part=Reasoning(summary=("Zero",))),
        ReasoningDelta(index=0, text="One", summary_index=1),
        ReasoningDelta(index=0, text="Two", summary_index=2),
        ReasoningDelta(index=0, text="Hm."),
        OpaqueAdded(index=0, opaque=Opaque(value="gAAA", issuer=ISSUER)),
        PartEnded(index=0),
    ))  # fmt: skip
    assert not losses
    assert kinds(events)[3:-1] == [
        *("reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done") * 3,
        *("content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", "output_item.done"),
    ]
    assert [event["summary_index"] for event in events if event["type"].endswith("summary_text.done")] == [0, 1, 2]
    assert events[-1]["response"]["output"] == [{
        "id": "rs_x1_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in ("Zero", "One", "Two")],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
        "encrypted_content": "gAAA",
    }]  # fmt: skip


@pytest.mark.parametrize("is_late", [False, True])
def test_signatures_ride_in_items_of_their_own(is_late: bool) -> None:
    """And come back with the next request."""
    early = None if is_late else GEMINI
    late = [OpaqueAdded(index=0, opaque=GEMINI), OpaqueAdded(index=1, opaque=GEMINI)] if is_late else []
    events, losses = write(*whole(
        PartStarted(index=0, part=Text(text="a", signature=early)),
        PartStarted(index=1, part=ToolCall(call_id="c", name="f", arguments="{}", signature=early)),
        *late,
        PartEnded(index=0),
        PartEnded(index=1),
        finish=FinishReason.TOOL_CALL,
    ))  # fmt: skip
    assert not losses
    request = CODEC.parse_request({"model": "m", "input": events[-1]["response"]["output"]}, Losses())
    assert [part.signature for message in request.messages for part in message.parts] == [GEMINI, GEMINI]


def test_names_are_the_clients_own() -> None:
    """In every event that has one."""
    context = ReplyContext(id="x1", created=7, model="m", names={"f_2": "f!"})
    events, _ = write(*whole(PartStarted(index=0, part=ToolCall(call_id="c", name="f_2")), PartEnded(index=0)), context=context)
    assert "f_2" not in str(events)


def test_native_items_and_their_progress_are_written() -> None:
    """Numbered anew; to another protocol's progress there is nothing to say."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress", "action": {"type": "search", "query": "x"}}
    native = Native(protocol=OWN, kind="web_search_call", value={**item, "status": "completed"})
    events, losses = write(*whole(
        PartStarted(index=0, part=Text(text="a")),
        PartEnded(index=0),
        NativeEvent(protocol=OWN, value=added(item, 7) | {"sequence_number": 99}),
        NativeEvent(protocol=OWN, value=at("web_search_call.searching", 7, item_id="ws_1", sequence_number=100)),
        PartStarted(index=1, part=native),
        PartEnded(index=1),
        NativeEvent(protocol="anthropic_messages", value={}),
    ))  # fmt: skip
    assert kinds(events)[-5:-1] == ["output_item.done", "output_item.added", "web_search_call.searching", "output_item.done"]
    assert [event["output_index"] for event in events[-4:-1]] == [1, 1, 1]
    assert events[-1]["response"]["output"][1] == native.value
    assert losses == ["dropped:events", "approximated:usage.tool_calls"]


def test_what_cannot_be_said_is_reported() -> None:
    """An image is said as a tool's, sound as its transcript."""
    events, losses = write(*whole(
        PartStarted(index=0, part=ImageBase64(data=b"x", signature=GEMINI)),
        PartEnded(index=0),
        PartStarted(index=1, part=Audio()),
        AudioDelta(index=1, data=b"x", transcript="149 m"),
        AudioDelta(index=1, transcript="."),
        PartEnded(index=1),
        PartStarted(index=2, part=Audio()),
        AudioDelta(index=2, data=b"x"),
        PartEnded(index=2),
        PartStarted(index=3, part=Video(source=UrlSource(url="u"))),
        PartEnded(index=3),
        PartStarted(index=0, part=Text(text="b"), candidate=1),
        TextDelta(index=0, text="b", candidate=1),
        PartEnded(index=0, candidate=1),
        Finished(reason=FinishReason.STOP, candidate=1),
    ))  # fmt: skip
    image, message = events[-1]["response"]["output"]
    assert (image["type"], image["result"], message["content"][0]["text"]) == ("image_generation_call", "eA==", "149 m.")
    path = "candidates[0].message.parts"
    assert {*losses} >= {
        f"approximated:{path}[0]", f"dropped:{path}[0].signature", f"approximated:{path}[1]", f"dropped:{path}[2]", f"dropped:{path}[3]",
        "dropped:candidates[1]",
    }  # fmt: skip


def test_a_transcript_that_stands_in_the_beginning_of_its_sound_is_said() -> None:
    """Responses has no sound: what was said in it is a text, whether it came at once or piece by piece."""
    for parts in (
        (PartStarted(index=0, part=Audio(transcript="149 m.")), PartEnded(index=0)),
        (PartStarted(index=0, part=Audio(transcript="149")), AudioDelta(index=0, transcript=" m."), PartEnded(index=0)),
    ):
        events, losses = write(*whole(*parts))
        [message] = events[-1]["response"]["output"]
        assert [piece["text"] for piece in message["content"]] == ["149 m."]
        assert "approximated:candidates[0].message.parts[0]" in losses


def test_deltas_that_say_nothing_or_are_of_another_answer_are_no_events() -> None:
    """Responses has one answer, and an empty delta would be an event about nothing."""
    parts = (
        (Text(text=""), TextDelta, {"text": ""}, {"text": "b"}),
        (Refusal(text=""), RefusalDelta, {"text": ""}, {"text": "b"}),
        (ToolCall(call_id="c", name="f"), ToolCallDelta, {"arguments": ""}, {"arguments": "{}"}),
    )
    for part, delta, nothing, something in parts:
        quiet, _ = write(*whole(PartStarted(index=0, part=part), PartEnded(index=0)))
        other = delta(index=0, candidate=1, **something)
        silent, _ = write(*whole(PartStarted(index=0, part=part), delta(index=0, **nothing), other, PartEnded(index=0), other))
        said, _ = write(*whole(PartStarted(index=0, part=part), delta(index=0, **something), PartEnded(index=0)))
        assert kinds(silent) == kinds(quiet)
        assert len(said) == len(quiet) + 1


@in_turn(("finish", "kind"), [
    (FinishReason.LENGTH, "response.incomplete"),
    (FinishReason.CANCELLED, "response.incomplete"),
    (FinishReason.MALFORMED_TOOL_CALL, "response.failed"),
    (FinishReason.STOP_SEQUENCE, "response.completed"),
])  # fmt: skip
def test_last_event_tells_the_end(finish: FinishReason, kind: str) -> None:
    """Completed, incomplete or failed."""
    events, _ = write(*whole(PartStarted(index=0, part=Text(text="a")), finish=finish))
    assert events[-1]["type"] == kind


def test_word_of_another_provider_is_no_status() -> None:
    """Though OpenAI has the same word: an answer that has ended is not in progress."""
    ends = [Finished(reason=FinishReason.OTHER, native_reason="in_progress"), Completed()]
    events, losses = write(ResponseStarted(model="m", protocol="gemini_interactions"), PartStarted(index=0, part=Text(text="a")), *ends)
    assert (events[-1]["response"]["status"], losses) == ("completed", ["approximated:candidates[0].finish_reason"])


def test_failure_ends_the_stream() -> None:
    """`error`, then `response.failed` with the id that the stream began with; nothing follows."""
    encoder = CODEC.encoder(CONTEXT, Losses())
    assert (encoder.response_id, encoder.next_sequence) == ("resp_x1", 0)
    encoder.feed(ResponseStarted(id="resp_1", protocol="openai_responses"))
    assert (encoder.response_id, encoder.next_sequence) == ("resp_1", 2)
    error, failed = SseReader().feed(encoder.feed(Failed(code="overloaded", message="Busy.", status=503)))
    assert (error.event, failed.event) == (b"error", b"response.failed")
    assert msgspec.json.decode(failed.data)["response"]["id"] == "resp_1"
    assert (encoder.next_sequence, encoder.feed(Completed())) == (4, b"")


def accumulated(events: list[dict[str, Any]]) -> Any:
    """What the SDK's own accumulator makes of a stream."""
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))
    return state._completed_response


@given(sequence=strategies.event_sequences())
def test_any_stream_ends_with_what_a_plain_reply_says(sequence: tuple[LlmStreamEvent, ...]) -> None:
    """However its parts interleave; our own decoder and the SDK's accumulator read it so."""
    events, _ = write(*sequence)
    plain = msgspec.json.decode(msgspec.json.encode(CODEC.emit_reply(assembled(sequence), CONTEXT, Losses())))
    assert events[-1]["response"] == plain
    again = assembled(read(*events))
    assert [msgspec.structs.replace(part, item_id="") for part in again.message.parts] == list(assembled(sequence).message.parts)
    response = accumulated(events)
    assert response is None or [item.id for item in response.output] == [item["id"] for item in plain["output"]]
