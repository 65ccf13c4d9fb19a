"""`python -m benchmarks.codecs`: what a translation costs, in CPU microseconds of one core, and that it grows with the size alone.

Every figure is the best of several rounds, because the machine is shared and noise only adds. The last column is a yardstick of the same
run: how often the same bytes could be decoded and encoded by msgspec alone.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial

import msgspec

from omnillm.framing.sse import SseReader
from omnillm.model import (
    Candidate,
    CapabilitySet,
    GenerationConfig,
    LlmRequest,
    LlmResponse,
    Message,
    MessageRole,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
    user,
)
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, transcode_request, transcode_response
from omnillm.usage import Usage

PROTOCOLS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content")
CONTEXT = ReplyContext(id="0123456789abcdef", created=1_795_608_000, model="model-1")
ROUNDS, GOAL_REQUEST_US, GOAL_REPLY_US, GOAL_EVENT_US = 7, 60.0, 60.0, 15.0
SENTENCE = "How deep is the lake, and how many herons stand at its edge? "


def request_of(size: int) -> LlmRequest:
    """A conversation with a tool, its text filled up to about `size` bytes of Chat."""
    call = ToolCall(call_id="call_1", name="search", arguments='{"query":"lake"}')
    assistant = Message(role=MessageRole.ASSISTANT, parts=(Text(text="I look."), call))
    turns = (user(SENTENCE), assistant, ToolResult(call_id="call_1", name="search", content=(Text(text="149 m"),)))
    repeats = max(1, (size - 500) // len(SENTENCE))
    tool = ToolDefinition(
        name="search", description="Search.", input_schema={"type": "object", "properties": {"query": {"type": "string"}}}
    )
    return LlmRequest(
        model="model-1",
        input=(Message.text(MessageRole.SYSTEM, "Be brief."), *turns, user(SENTENCE * min(repeats, 8)), *_more(repeats - 8)),
        capabilities=CapabilitySet(tools=(tool,)),
        generation=GenerationConfig(max_output_tokens=200, temperature=0.5),
        is_stream=False,
    )


def _more(repeats: int) -> list[Message]:
    roles = (MessageRole.ASSISTANT, MessageRole.USER)
    turns = [Message.text(roles[number % 2], SENTENCE * 8) for number in range(-(-max(repeats, 0) // 8))]
    return [*turns, user("And?")] if turns and turns[-1].role is MessageRole.ASSISTANT else turns


def reply_of(size: int) -> LlmResponse:
    message = Message.text(MessageRole.ASSISTANT, SENTENCE * max(1, size // len(SENTENCE)))
    usage = Usage(input=20, cache_read=5, output=7)
    return LlmResponse(id="reply1", model="model-1", created=1_795_608_000, candidates=(Candidate(message=message),), usage=usage)


def best_us(act: Callable[[], object], calls: int) -> float:
    """CPU microseconds of one call, in the best round."""
    act()
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(calls):
            act()
        rounds.append((time.process_time() - began) / calls * 1_000_000)
    return min(rounds)


def plain_us(body: bytes, calls: int) -> float:
    return best_us(lambda: msgspec.json.encode(msgspec.json.decode(body)), calls)


def deltas(protocol: str, count: int) -> list[bytes]:
    """The frames of a provider's stream with so many words, before its end."""
    encoder = StreamTranscoder("canonical", protocol, context=CONTEXT)
    lines = [
        {"type": "response_started", "id": "reply1", "model": "model-1"},
        {"type": "part_started", "index": 0, "part": {"type": "text", "text": ""}},
        *({"type": "text_delta", "index": 0, "text": " heron"} for _ in range(count)),
    ]
    return [piece for line in lines if (piece := encoder.feed(b"data: " + json.dumps(line).encode() + b"\n\n"))]


def event_us(source: str, target: str, count: int = 400) -> float:
    """One text delta of an open stream, framed already."""
    pieces = deltas(source, count)
    frames = [frame for piece in pieces for frame in SseReader().feed(piece)]
    rounds = []
    for _ in range(ROUNDS):
        transcoder = StreamTranscoder(source, target, context=CONTEXT)
        for frame in frames[:-count]:
            transcoder.feed_frame(frame)
        began = time.process_time()
        for frame in frames[-count:]:
            transcoder.feed_frame(frame)
        rounds.append((time.process_time() - began) / count * 1_000_000)
    return min(rounds)


def one_kilobyte() -> bool:
    """Every direction against the goals; False when one is missed."""
    is_met = True
    replies = {protocol: emit_response(protocol, reply_of(700), CONTEXT).value for protocol in PROTOCOLS}
    print(f"{'direction':52} request us  reply us  event us   (msgspec alone: request us)")
    for source in PROTOCOLS:
        request = emit_request(source, request_of(1024)).value
        yardstick = plain_us(request, 2000)
        for target in PROTOCOLS:
            if source != target:
                asked = best_us(partial(transcode_request, source, target, request, model="model-1"), 1000)
                told = best_us(partial(transcode_response, source, target, replies[source], context=CONTEXT), 1000)
                event = event_us(source, target)
                is_met &= asked <= GOAL_REQUEST_US and told <= GOAL_REPLY_US and event <= GOAL_EVENT_US
                print(f"{source + ' -> ' + target:52} {asked:10.1f} {told:9.1f} {event:9.2f}   {yardstick:.1f}")
    return is_met


def growth() -> None:
    """Nanoseconds a byte from 1 KB to 1 MB: a flat line is linear."""
    print("\nsize      " + "  ".join(f"{protocol:>24}" for protocol in PROTOCOLS) + "   ns a byte, request to another protocol")
    for size in (1_000, 10_000, 100_000, 1_000_000):
        cells = []
        for number, source in enumerate(PROTOCOLS):
            target = PROTOCOLS[(number + 1) % 4]
            body = emit_request(source, request_of(size)).value
            spent = best_us(partial(transcode_request, source, target, body, model="model-1"), max(3, 300_000 // size))
            cells.append(f"{spent * 1000 / len(body):24.2f}")
        print(f"{size:9} " + "  ".join(cells))


def main() -> None:
    is_met = one_kilobyte()
    growth()
    sys.exit(0 if is_met or "--check" not in sys.argv else 1)


if __name__ == "__main__":
    main()
