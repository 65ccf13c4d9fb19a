"""The same answers streamed: what the client's SDK puts together of the events is what it reads in the whole reply, and as much is told."""

import re
from typing import Any

import msgspec
from anthropic.types.beta import BetaRawContentBlockDelta, BetaRawMessageStreamEvent
from openai.types.responses import ResponseStreamEvent
from tests.in_turn import in_turn
from tests.protocols.directions import CONTEXT, sdk_reads, sdk_reads_events
from tests.protocols.sdk_types import decided
from tests.protocols.sdk_types.answered import PROVIDERS, replies
from tests.protocols.sdk_types.asked import BETA
from tests.protocols.sdk_types.judged import leaves, undecided
from tests.protocols.sdk_types.newer import NEW, STREAMS, WORDS
from tests.protocols.sdk_types.put_together import put_together, whole
from tests.protocols.sdk_types.shape import arms
from tests.protocols.sdk_types.streamed import events_of, stream_of, written
from tests.protocols.sdk_types.test_replies import CLIENTS, clients, providers, spoken

from omnillm.framing.sse import SseReader
from omnillm.protocols.loss import LossReason
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import transcode_response


def streamed(provider: str, client: str, raw: bytes) -> tuple[dict[str, Any], tuple[LossReason, ...]]:
    """What the client's SDK puts together, every event read in its strict mode."""
    transcoder = StreamTranscoder(provider, client, context=CONTEXT)
    frames = list(SseReader().feed(transcoder.feed(raw) + transcoder.feed(b"")))
    return put_together(client, sdk_reads_events(client, frames)), transcoder.losses.reasons


_FAILED = (".error", ".status=failed")
"""Paths of replies that failed: their streams end with an error."""
_WHOLE = re.compile(
    r"\.output\[\]\|(?!(ResponseOutputMessage|ResponseFunctionToolCall|ResponseReasoningItem|ResponseCustomToolCall)\b)\w+[.=]"
    r"|\.content\[\]\|(?!(Beta)?(Text|Thinking|ToolUse)Block\b)\w+[.=]"
)
"""Members of what a stream shows whole, as the plain reply does."""


@clients
@providers
def test_stream_says_what_the_whole_reply_says(provider: str, client: str) -> None:
    """Member by member, usage included; and a stream tells of losses where the whole reply does."""
    protocol = spoken(provider)
    if protocol == client:
        return
    told = [reply for reply in replies(provider) if not reply.path.startswith(_FAILED) and not _WHOLE.search(reply.path)]
    differing = [path for path, body in told if not is_same(provider, client, body)]
    assert undecided(iter(differing), client, decided.STREAMS[provider]) == ([], [])


def is_same(provider: str, client: str, body: dict[str, Any]) -> bool:
    protocol = spoken(provider)
    report = transcode_response(protocol, client, msgspec.json.encode(body), context=CONTEXT)
    assembled, reasons = streamed(protocol, client, stream_of(provider, body))
    said = whole(client, sdk_reads(client, report.value))
    return said == assembled and bool(reasons) == bool(report.loss_reasons)


_CONTENT = ("content_part", "function_call_arguments", "custom_tool_call_input", "reasoning_", "refusal", "output_text.d", "output_item")
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
"""Events about what an open item says, of which every stream above is made; and those that end a stream."""


@clients
def test_progress_of_hosted_tools_disturbs_no_stream(client: str) -> None:
    """Every event of Responses that says nothing of an item's content, amid a stream: it arrives whole."""
    body = replies("openai_responses")[0].body
    expected, _ = streamed("openai_responses", client, stream_of("openai_responses", body))
    samples = PROVIDERS["openai_responses"].samples
    for arm in arms(ResponseStreamEvent):
        event = samples.simplest(arm)
        if event["type"] in _ENDS or any(word in event["type"] for word in _CONTENT):
            continue
        *before, last = events_of("openai_responses", body)
        again, _ = streamed("openai_responses", client, written("openai_responses", [*before, event, last]))
        assert again == expected, event["type"]


def test_every_event_and_delta_of_anthropics_is_known() -> None:
    """A new one has to be decided on: those that there are, the streams above are made of."""
    bodies = [body for provider in ("anthropic_messages", BETA) for _, body in replies(provider)]
    events = [event for body in bodies for event in events_of("anthropic_messages", body)]
    samples = PROVIDERS["anthropic_messages"].samples
    assert {samples.simplest(arm)["type"] for arm in arms(BetaRawMessageStreamEvent)} == {event["type"] for event in events}
    deltas = {event["delta"]["type"] for event in events if event["type"] == "content_block_delta"}
    assert {samples.simplest(arm)["type"] for arm in arms(BetaRawContentBlockDelta)} == deltas


@in_turn(("provider", "what"), STREAMS, ids=[f"{provider}: {what}" for provider, what in STREAMS])
def test_stream_in_words_of_tomorrow_is_read_today(provider: str, what: str) -> None:
    """Events, deltas and words that nobody knows yet never end a stream, and are told."""
    for client in CLIENTS:
        if provider == client:
            continue
        assembled, reasons = streamed(provider, client, written(provider, STREAMS[provider, what]))
        assert WORDS in leaves(assembled)
        assert NEW not in str(assembled).lower()
        assert reasons or what.removesuffix(", streamed") in {"role", "finish reason", "stop reason"}
