"""OpenAI chat completions."""

from omnillm.testing.generation import Generation
from omnillm.testing.replies.openai import error, fields, models, sse
from omnillm.testing.replies.speaker import Asked, Json, Piece, Speaker, Trouble, cap, demand, last_user_text, objects, one_object, texts_in
from omnillm.usage import Usage

FINISH = {"end": "stop", "length": "length", "tool": "tool_calls"}
DONE = b"data: [DONE]\n\n"


def read(body: Json) -> Asked:
    messages = demand(body, "messages", list)
    functions = [one_object(tool.get("function"), "tools") for tool in objects(body.get("tools"), "tools")]
    return Asked(
        model=demand(body, "model", str),
        prompt=last_user_text(messages),
        texts=tuple(texts_in(messages)),
        is_stream=body.get("stream") is True,
        wants_usage=one_object(body.get("stream_options"), "stream_options").get("include_usage") is True,
        max_output=cap(body.get("max_completion_tokens", body.get("max_tokens")), "max_completion_tokens"),
        choices=cap(body.get("n"), "n", 128) or 1,
        tools=tuple({"name": function.get("name", ""), "schema": function.get("parameters")} for function in functions if function),
    )


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write_short, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _call_id(generation: Generation) -> str:
    return f"call_{generation.serial}"


def whole(generation: Generation) -> Json:
    message: Json = {"role": "assistant", "content": generation.text, "refusal": None, "annotations": []}
    if generation.tool:
        call = {"id": _call_id(generation), "type": "function", "function": {"name": generation.tool, "arguments": generation.text}}
        message |= {"content": None, "tool_calls": [call]}
    finish = FINISH[generation.finish]
    reply: Json = {
        "id": f"chatcmpl-{generation.serial}",
        "object": "chat.completion",
        "created": generation.created,
        "model": generation.model,
        "choices": [{"index": i, "message": message, "logprobs": None, "finish_reason": finish} for i in range(generation.choices)],
        "service_tier": "default",
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
            "service_tier": "default",
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
    if generation.tool:
        function = {"name": generation.tool, "arguments": ""}
        call = {"index": 0, "id": _call_id(generation), "type": "function", "function": function}
        pieces = [Piece(chunks.delta({"role": "assistant", "content": None, "tool_calls": [call]}, 0), after(0), "start")]
        deltas: list[Json] = [{"tool_calls": [{"index": 0, "function": {"arguments": word}}]} for word in generation.words]
    else:
        pieces = [Piece(chunks.delta({"role": "assistant", "content": "", "refusal": None}, 0), after(0), "start")]
        deltas = [{"content": word} for word in generation.words]
    pieces += [Piece(chunks.delta(delta, said), after(said)) for said, delta in enumerate(deltas, 1)]
    total = len(generation.words)
    pieces.append(Piece(chunks.delta({}, total, FINISH[generation.finish]), after(total), "finish"))
    if generation.wants_usage and generation.told is not None:
        pieces.append(Piece(chunks.usage(generation.told), after(total), "finish"))
    pieces.append(Piece(DONE, after(total), "terminal"))
    return pieces


def error_events(trouble: Trouble, generation: Generation, sent: int) -> bytes:
    del generation, sent
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
)
