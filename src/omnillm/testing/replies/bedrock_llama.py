"""Llama by InvokeModel: a model of Bedrock whose words are nobody else's."""

from msgspec.structs import replace

from omnillm.testing.generation import Generation
from omnillm.testing.replies import bedrock_invoke
from omnillm.testing.replies.bedrock_invoke import METRICS, chunk, metrics
from omnillm.testing.replies.reading import cap, demand, markers_in
from omnillm.testing.replies.speaker import Asked, Json, Piece

STOP = {"length": "length"}


def read(body: Json) -> Asked:
    prompt = demand(body, "prompt", str)
    most = cap(body.get("max_gen_len"), "max_gen_len")
    return Asked(model="", prompt=prompt, texts=(prompt,), max_output=most, markers=markers_in(prompt))


def _said(generation: Generation, text: str) -> Json:
    usage = generation.told
    counts = {"prompt_token_count": usage.prompt_tokens, "generation_token_count": usage.completion_tokens} if usage else {}
    return {"generation": text, **counts, "stop_reason": STOP.get(generation.finish, "stop")}


def whole(generation: Generation) -> Json:
    return _said(generation, generation.text_of("text"))


def stream(generation: Generation) -> list[Piece]:
    words = [word for block in generation.of("text") for word in block.words]
    pieces = [Piece(chunk({"generation": word}), generation.after(number)) for number, word in enumerate(words, start=1)]
    last = {**_said(generation, ""), METRICS: metrics(generation)}
    return [*pieces, Piece(chunk(last), generation.after(len(words)), "terminal")]


LLAMA = replace(bedrock_invoke.SPEAKER, protocol="bedrock_converse", read=read, whole=whole, stream=stream)
