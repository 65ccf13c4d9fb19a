"""Claude by InvokeModel on Bedrock: the Messages API, its events in the chunks of an AWS event stream."""

import base64

import msgspec
from msgspec.structs import replace

from omnillm.testing.generation import Generation
from omnillm.testing.replies import anthropic_messages, bedrock_converse
from omnillm.testing.replies.bedrock_converse import framed
from omnillm.testing.replies.speaker import Asked, Json, Malformed, Piece

METRICS = "amazon-bedrock-invocationMetrics"
DASHED = {
    "inputTokenCount": "input-token-count",
    "outputTokenCount": "output-token-count",
    "cacheReadInputTokenCount": "cache-read-input-token-count",
    "cacheWriteInputTokenCount": "cache-write-input-token-count",
}
VERSIONS = frozenset({"bedrock-2023-05-31", "2026-10-21"})
"""The second is what newer SDKs say to newer models."""


def metrics(generation: Generation) -> Json:
    """What the last chunk of a stream, and the header of a whole reply, count; {}: nothing is told."""
    usage = generation.told
    if usage is None:
        return {}
    return {
        "inputTokenCount": usage.input,
        "outputTokenCount": usage.completion_tokens,
        "cacheReadInputTokenCount": usage.cache_read,
        "cacheWriteInputTokenCount": usage.cache_write_short,
    }


def counted_fields(generation: Generation) -> dict[str, str]:
    return {f"x-amzn-bedrock-{DASHED[name]}": str(count) for name, count in metrics(generation).items()}


def read(body: Json) -> Asked:
    """A body of the Messages API, its version inside, the model and the stream in the path."""
    if body.get("anthropic_version") not in VERSIONS:
        raise Malformed("anthropic_version: Field required")
    for name in ("model", "stream"):
        if name in body:
            raise Malformed(f"#: extraneous key [{name}] is not permitted")
    return replace(anthropic_messages.read({**body, "model": "in-the-path"}), model="")


def stream(generation: Generation) -> list[Piece]:
    """Each event of the Messages API in base64, in a message of its own; the last one counts the tokens."""
    return [Piece(_chunks(piece, generation), piece.output_tokens, piece.part) for piece in anthropic_messages.stream(generation)]


def _chunks(piece: Piece, generation: Generation) -> bytes:
    lines = [line.removeprefix(b"data: ") for line in piece.raw.split(b"\n") if line.startswith(b"data: ")]
    counts = {METRICS: metrics(generation)} if piece.part == "terminal" else {}
    return b"".join([chunk(msgspec.json.decode(line) | counts) for line in lines])


def chunk(said: Json) -> bytes:
    return framed("chunk", {"bytes": base64.b64encode(msgspec.json.encode(said)).decode()})


SPEAKER = replace(
    bedrock_converse.SPEAKER,
    protocol="anthropic_messages",
    read=read,
    whole=anthropic_messages.whole,
    stream=stream,
    reply_fields=counted_fields,
)
