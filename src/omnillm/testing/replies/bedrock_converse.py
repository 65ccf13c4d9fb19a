"""Bedrock's Converse. Model and streaming are in the path; streams are AWS event streams."""

from collections.abc import Iterable

import msgspec

from omnillm.framing.eventstream import event, exception
from omnillm.testing.generation import Block, Generation
from omnillm.testing.replies import writing
from omnillm.testing.replies.reading import (
    cap,
    demand,
    last_user_text,
    markers_in,
    objects,
    one_object,
    pictured,
    strings,
    texts_in,
    within,
)
from omnillm.testing.replies.speaker import Asked, Json, Malformed, Piece, Sealed, Speaker, Standing, Tool, Trouble
from omnillm.usage import Usage

STREAM_TYPE = "application/vnd.amazon.eventstream"
STOP = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use", "refusal": "content_filtered", "stop": "stop_sequence"}
ERRORS: dict[int, writing.Said] = {
    400: ("ValidationException", "The request is not valid."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "Could not resolve the foundation model from the model identifier."),
    408: ("ModelTimeoutException", "Model has timed out in processing the request. Try your request again."),
    424: ("ModelErrorException", "The model failed to process the request."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error during processing. Try your request again."),
    503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
}
VARIANTS: dict[str, writing.Said] = {
    "invalid_api_key": ("AccessDeniedException", "Invalid API Key format: Must start with pre-defined prefix"),
    "bad_signature": ("InvalidSignatureException", "The request signature we calculated does not match the signature you provided."),
    "expired_token": ("ExpiredTokenException", "The security token included in the request is expired"),
    "per_day_quota": ("ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "insufficient_quota": ("ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
}
NO_CALL = "The number of toolResult blocks exceeds the number of toolUse blocks of previous turn."
NO_TOOLS = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
BLOCKS = frozenset({"text", "image", "document", "video", "audio", "toolUse", "toolResult", "cachePoint", "reasoningContent"})


def read(body: Json) -> Asked:
    messages = demand(body, "messages", list)
    inference = one_object(body.get("inferenceConfig"), "inferenceConfig")
    prompt = last_user_text(messages)
    tools = [each["toolSpec"] for each in objects(within(body, "toolConfig", "tools"), "toolConfig.tools") if "toolSpec" in each]
    schema = within(body, "outputConfig", "textFormat", "structure", "jsonSchema", "schema")
    return Asked(
        model="",
        prompt=prompt,
        texts=(*texts_in(body.get("system")), *_texts(messages)),
        max_output=cap(inference.get("maxTokens"), "inferenceConfig.maxTokens"),
        tools=tuple(Tool(each.get("name", ""), within(each, "inputSchema", "json")) for each in tools),
        must_call=_must_call(within(body, "toolConfig", "toolChoice")),
        markers=markers_in(prompt),
        images=pictured(messages),
        schema=None if schema is None else msgspec.json.decode(schema),
        stops=strings(inference.get("stopSequences")),
        refuses_silently=True,
        seals=judge(messages, has_tools=bool(tools)),
    )


def _must_call(choice: object) -> str | None:
    return "" if within(choice, "any") is not None else within(choice, "tool", "name")


def _texts(messages: list[Json]) -> Iterable[str]:
    """Texts of messages, of tools' results and of reasoning."""
    for message in messages:
        for block in message["content"]:
            inner = within(block, "toolResult", "content")
            yield from texts_in(block if inner is None else inner)
            yield from texts_in(within(block, "reasoningContent", "reasoningText"))


def judge(messages: list[Json], *, has_tools: bool) -> tuple[Sealed, ...]:
    """Roles alternate, blocks are Converse's, results answer calls of the turn before. Answers with the signatures."""
    calls: set[str] = set()
    seals: list[Sealed] = []
    before = ""
    for place, message in enumerate(messages):
        if message.get("role") not in {"user", "assistant"} or message["role"] == before:
            raise Malformed("A conversation must alternate between user and assistant roles. Make sure the conversation does.")
        made: set[str] = set()
        for part, block in enumerate(demand(message, "content", list)):
            seals += _judge_block(block, f"messages.{place}.content.{part}", calls, made)
        before, calls = message["role"], made
        if made and not has_tools:
            raise Malformed(NO_TOOLS)
    return tuple(seals)


def _judge_block(block: Json, at: str, calls: set[str], made: set[str]) -> list[Sealed]:
    if not BLOCKS & block.keys() or len(block) != 1:
        raise Malformed(f"{at}: is not a content block")
    if isinstance(block.get("text"), str) and not block["text"].strip():
        raise Malformed("The text field in the ContentBlock object is blank. Add text to the text field, and try again.")
    if "toolUse" in block:
        made.add(block["toolUse"]["toolUseId"])
    elif "toolResult" in block and block["toolResult"]["toolUseId"] not in calls:
        raise Malformed(NO_CALL)
    elif "reasoningContent" in block:
        signature = within(block, "reasoningContent", "reasoningText", "signature") or within(block, "reasoningContent", "redactedContent")
        return [Sealed(value=str(signature), place=f"{at}: Invalid `signature` in `thinking` block")]
    return []


def _usage(usage: Usage) -> Json:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.completion_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write_short,
    }


def whole(generation: Generation) -> Json:
    content = [_said(generation, block) for block in generation.blocks]
    told = {} if generation.told is None else {"usage": _usage(generation.told)}
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": STOP[generation.finish], "metrics": {"latencyMs": 7}, **told}


def _said(generation: Generation, block: Block) -> Json:
    if block.kind == "text":
        return {"text": block.text}
    if block.kind == "tool":
        call = {"toolUseId": generation.id_of(block, "tooluse"), "name": block.name, "input": msgspec.json.decode(block.text)}
        return {"toolUse": call}
    if generation.is_redacted:
        return {"reasoningContent": {"redactedContent": generation.seal}}
    return {"reasoningContent": {"reasoningText": {"text": block.text, "signature": generation.seal}}}


def framed(kind: str, members: Json) -> bytes:
    return event(kind, msgspec.json.encode(members | {"p": "abcdefghij"[: 3 + len(kind) % 7]}))


def stream(generation: Generation) -> list[Piece]:
    after, said = generation.after, 0
    pieces = [Piece(framed("messageStart", {"role": "assistant"}), after(0), "start")]
    for number, block in enumerate(generation.blocks):
        if block.kind == "tool":
            start = {"toolUse": {"toolUseId": generation.id_of(block, "tooluse"), "name": block.name}}
            pieces.append(Piece(framed("contentBlockStart", {"contentBlockIndex": number, "start": start}), after(said), "start"))
        for delta in _deltas(generation, block):
            said += 1
            pieces.append(Piece(framed("contentBlockDelta", {"contentBlockIndex": number, "delta": delta}), after(said)))
        if block.kind == "reasoning" and not generation.is_redacted:
            signed = {"reasoningContent": {"signature": generation.seal}}
            pieces.append(Piece(framed("contentBlockDelta", {"contentBlockIndex": number, "delta": signed}), after(said), "start"))
        said = sum(len(each.words) for each in generation.blocks[: number + 1])
        is_last = block is generation.blocks[-1]
        pieces.append(Piece(framed("contentBlockStop", {"contentBlockIndex": number}), after(said), "finish" if is_last else "start"))
    told = {} if generation.told is None else {"usage": _usage(generation.told)}
    pieces.append(Piece(framed("messageStop", {"stopReason": STOP[generation.finish]}), after(generation.words), "finish"))
    pieces.append(Piece(framed("metadata", {**told, "metrics": {"latencyMs": 7}}), after(generation.words), "terminal"))
    return pieces


def _deltas(generation: Generation, block: Block) -> list[Json]:
    if block.kind == "text":
        return [{"text": word} for word in block.words]
    if block.kind == "tool":
        return [{"toolUse": {"input": word}} for word in block.words]
    if generation.is_redacted:
        return [{"reasoningContent": {"redactedContent": generation.seal}}]
    return [{"reasoningContent": {"text": word}} for word in block.words]


def error(trouble: Trouble) -> Json:
    return {"message": writing.said(trouble, VARIANTS, ERRORS)[1]}


def error_fields(trouble: Trouble) -> dict[str, str]:
    return {"x-amzn-errortype": f"{writing.said(trouble, VARIANTS, ERRORS)[0]}:http://internal.amazon.com/coral/com.amazon.bedrock/"}


def error_events(trouble: Trouble, _generation: Generation, _sent: int) -> bytes:
    kind, message = writing.said(trouble, VARIANTS, ERRORS)
    return exception(kind[0].lower() + kind[1:], msgspec.json.encode({"message": message}))


def fields(standing: Standing) -> dict[str, str]:
    return {"content-type": "application/json", "x-amzn-requestid": standing.request_id, "server": "AmazonEC2"}


def models(names: Iterable[str], _created: int) -> Json:
    return {"modelSummaries": [{"modelId": name} for name in names]}


def counted(tokens: int) -> Json:
    return {"inputTokens": tokens}


SPEAKER = Speaker(
    protocol="bedrock_converse",
    read=read,
    whole=whole,
    stream=stream,
    error=error,
    error_events=error_events,
    error_fields=error_fields,
    fields=fields,
    models=models,
    counted=counted,
    stream_type=STREAM_TYPE,
)
