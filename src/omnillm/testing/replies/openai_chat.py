"""OpenAI chat completions."""

from collections.abc import Iterator

from omnillm.testing.generation import Block, Generation
from omnillm.testing.replies.conversation import judge_chat
from omnillm.testing.replies.openai import error, fields, models
from omnillm.testing.replies.reading import (
    cap,
    demand,
    json_asked,
    last_results,
    last_user_text,
    markers_in,
    must_call,
    objects,
    one_object,
    pictured,
    strings,
    text,
    texts_in,
    within,
)
from omnillm.testing.replies.speaker import Asked, Json, Piece, Speaker, Tool, Trouble
from omnillm.testing.replies.writing import sse
from omnillm.usage import Usage

FINISH = {"end": "stop", "length": "length", "tool": "tool_calls", "refusal": "stop", "stop": "stop"}
DONE = b"data: [DONE]\n\n"


def read(body: Json) -> Asked:
    messages = demand(body, "messages", list)
    judge_chat(messages)
    prompt = last_user_text(messages)
    most = body.get("max_completion_tokens")
    functions = [one_object(tool.get("function"), "tools") for tool in objects(body.get("tools"), "tools")]
    return Asked(
        model=demand(body, "model", str),
        prompt=prompt,
        tier=text(body.get("service_tier")),
        texts=tuple(texts_in(messages)),
        is_stream=body.get("stream") is True,
        wants_usage=one_object(body.get("stream_options"), "stream_options").get("include_usage") is True,
        max_output=cap(body.get("max_tokens") if most is None else most, "max_completion_tokens"),
        choices=cap(body.get("n"), "n", 128) or 1,
        tools=tuple(Tool(each.get("name", ""), each.get("parameters")) for each in functions if each),
        must_call=must_call(body.get("tool_choice")),
        markers=markers_in(last_results(messages, "role", "tool") or prompt),
        images=pictured(messages),
        schema=json_asked(body.get("response_format"), within(body, "response_format", "json_schema", "schema")),
        stops=strings(body.get("stop")),
    )


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read + usage.cache_read_image + usage.cache_read_audio,
            "cache_write_tokens": usage.cache_write_short,
            "audio_tokens": usage.input_audio + usage.cache_read_audio,
            "image_tokens": usage.input_image + usage.cache_read_image,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            **({"image_tokens": usage.output_image} if usage.output_image else {}),
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _call(generation: Generation, block: Block, arguments: str) -> Json:
    return {"id": generation.id_of(block, "call"), "type": "function", "function": {"name": block.name, "arguments": arguments}}


def _message(generation: Generation) -> Json:
    text, calls = generation.text_of("text"), [_call(generation, block, block.text) for block in generation.of("tool")]
    message: Json = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if generation.finish == "refusal":
        message |= {"content": None, "refusal": text}
    if generation.of("reasoning"):
        message["reasoning_content"] = generation.text_of("reasoning")
    if calls:
        message |= {"content": text or None, "tool_calls": calls}
    return message


def whole(generation: Generation) -> Json:
    message = _message(generation)
    finish = FINISH[generation.finish]
    reply: Json = {
        "id": f"chatcmpl-{generation.serial}",
        "object": "chat.completion",
        "created": generation.created,
        "model": generation.model,
        "choices": [{"index": i, "message": message, "logprobs": None, "finish_reason": finish} for i in range(generation.choices)],
        "service_tier": generation.tier,
        "system_fingerprint": "fp_fake000000",
    }
    if generation.told is not None:
        reply["usage"] = _usage(generation.told)
    return reply


class _Chunks:
    """The chunks of one reply share an envelope, which is filled anew for each."""

    __slots__ = ("_envelope", "_generation")

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._envelope: Json = {
            "id": f"chatcmpl-{generation.serial}",
            "object": "chat.completion.chunk",
            "created": generation.created,
            "model": generation.model,
            "service_tier": generation.tier,
            "system_fingerprint": "fp_fake000000",
            "choices": [],
        }
        if generation.wants_usage:
            self._envelope["usage"] = None

    def delta(self, delta: Json, words: int, finish: str | None = None) -> bytes:
        """One chunk a choice."""
        generation, envelope = self._generation, self._envelope
        if generation.is_cumulative and (told := generation.told_after(words)) is not None:
            envelope["usage"] = _usage(told)
        raw = b""
        for i in range(generation.choices):
            envelope["choices"] = [{"index": i, "delta": delta, "logprobs": None, "finish_reason": finish}]
            raw += sse(envelope)
        return raw

    def usage(self, told: Usage) -> bytes:
        return sse(self._envelope | {"choices": [], "usage": _usage(told)})


def stream(generation: Generation) -> list[Piece]:
    chunks, after = _Chunks(generation), generation.after
    pieces = [Piece(chunks.delta({"role": "assistant"} | _opening(generation), 0), after(0), "start")]
    said = 0
    for delta, is_word in _deltas(generation):
        said += is_word
        pieces.append(Piece(chunks.delta(delta, said), after(said), "content" if is_word else "start"))
    pieces.append(Piece(chunks.delta({}, said, FINISH[generation.finish]), after(said), "finish"))
    if generation.wants_usage and generation.told is not None:
        pieces.append(Piece(chunks.usage(generation.told), after(said), "finish"))
    pieces.append(Piece(DONE, after(said), "terminal"))
    return pieces


def _opening(generation: Generation) -> Json:
    """What stands beside the role in the first chunk."""
    first = generation.blocks[0] if generation.blocks else None
    if generation.finish == "refusal":
        return {"content": None, "refusal": ""}
    if first is not None and first.kind == "tool":
        return {"content": None, "tool_calls": [{"index": 0} | _call(generation, first, "")]}
    if first is not None and first.kind == "reasoning":
        return {"content": None, "reasoning_content": ""}
    return {"content": "", "refusal": None}


def _deltas(generation: Generation) -> Iterator[tuple[Json, bool]]:
    """What each chunk adds, and whether it is a word. Reasoning is told as DeepSeek does."""
    member = "refusal" if generation.finish == "refusal" else "content"
    thinks = bool(generation.of("reasoning"))
    for block in generation.of("reasoning"):
        yield from [({"content": None, "reasoning_content": word}, True) for word in block.words]
    for block in generation.of("text"):
        yield from [({member: word, "reasoning_content": None} if thinks else {member: word}, True) for word in block.words]
    for block in generation.of("tool"):  # one after the other, as OpenAI does it: its SDKs rely on that
        if block is not generation.blocks[0]:
            yield {"tool_calls": [{"index": block.call} | _call(generation, block, "")]}, False
        yield from [({"tool_calls": [{"index": block.call, "function": {"arguments": word}}]}, True) for word in block.words]


def error_events(trouble: Trouble, _generation: Generation, _sent: int) -> bytes:
    return sse(error(trouble))


def counted(tokens: int) -> Json:
    return {"object": "response.input_tokens", "input_tokens": tokens}


SPEAKER = Speaker(
    protocol="openai_chat",
    read=read,
    whole=whole,
    stream=stream,
    error=error,
    error_events=error_events,
    fields=fields,
    models=models,
    counted=counted,
    tells_media=True,
)
