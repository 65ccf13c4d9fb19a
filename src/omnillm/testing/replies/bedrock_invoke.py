"""Bedrock beside Converse: InvokeModel in the words of Claude, which are the Messages API's, and of Llama; and its count of tokens."""

import base64

import msgspec
from msgspec.structs import replace

from omnillm.testing.generation import Generation
from omnillm.testing.replies import anthropic_messages, bedrock_converse
from omnillm.testing.replies.bedrock_converse import framed
from omnillm.testing.replies.reading import cap, demand, markers_in
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
COUNTED_MEMBERS = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})
LLAMAS_STOP = {"length": "length"}


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


# Claude


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


CLAUDE = replace(
    bedrock_converse.SPEAKER,
    protocol="anthropic_messages",
    read=read,
    whole=anthropic_messages.whole,
    stream=stream,
    reply_fields=counted_fields,
)


# a count of tokens


def read_count(body: Json) -> Asked:
    """A question for the tokens of a prompt: a body of Converse, or one of InvokeModel in base64."""
    asked = demand(body, "input", dict)
    if isinstance(conversation := asked.get("converse"), dict):
        if unknown := conversation.keys() - COUNTED_MEMBERS:
            raise Malformed(f"#/input/converse: extraneous key {sorted(unknown)} is not permitted")
        return bedrock_converse.read(conversation)
    return read(msgspec.json.decode(base64.b64decode(demand(demand(asked, "invokeModel", dict), "body", str))))


COUNTED = replace(bedrock_converse.SPEAKER, read=read_count)

# Llama, whose words are nobody else's


def read_llama(body: Json) -> Asked:
    prompt = demand(body, "prompt", str)
    most = cap(body.get("max_gen_len"), "max_gen_len")
    return Asked(model="", prompt=prompt, texts=(prompt,), max_output=most, markers=markers_in(prompt))


def _said(generation: Generation, text: str) -> Json:
    usage = generation.told
    counts = {"prompt_token_count": usage.prompt_tokens, "generation_token_count": usage.completion_tokens} if usage else {}
    return {"generation": text, **counts, "stop_reason": LLAMAS_STOP.get(generation.finish, "stop")}


def whole_llama(generation: Generation) -> Json:
    return _said(generation, generation.text_of("text"))


def stream_llama(generation: Generation) -> list[Piece]:
    words = [word for block in generation.of("text") for word in block.words]
    pieces = [Piece(chunk({"generation": word}), generation.after(number)) for number, word in enumerate(words, start=1)]
    last = {**_said(generation, ""), METRICS: metrics(generation)}
    return [*pieces, Piece(chunk(last), generation.after(len(words)), "terminal")]


LLAMA = replace(CLAUDE, protocol="bedrock_converse", read=read_llama, whole=whole_llama, stream=stream_llama)
