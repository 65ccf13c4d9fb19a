"""Hypothesis strategies for the canonical model, in its normal form: for property tests of codecs.

Requests are whole conversations: every tool result answers a call, no two neighbours have one role, no text is empty. Event sequences keep
the life cycle of `omnillm.model.events`.
"""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from omnillm.model import (
    Candidate,
    CapabilitySet,
    Completed,
    File,
    Finished,
    FinishReason,
    GenerationConfig,
    ImageBase64,
    ImageUrl,
    InlineSource,
    LlmRequest,
    LlmResponse,
    LlmStreamEvent,
    Message,
    MessagePart,
    MessageRole,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningCapability,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    RequestItem,
    ResponseStarted,
    StructuredOutputConfig,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    UsageReported,
)
from omnillm.usage import Usage

_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
words = st.text(_LETTERS, min_size=1, max_size=24).filter(lambda text: text.strip() == text)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
ids = st.from_regex(r"call_[a-zA-Z0-9]{6,12}", fullmatch=True)
json_values: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(names, json_values, max_size=3).map(lambda value: msgspec.json.encode(value).decode())
"""As a provider would write them: compact JSON of an object."""
schemas = st.dictionaries(names, st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]), max_size=3).map(
    lambda properties: {"type": "object", "properties": properties}
)
texts = words.map(lambda text: Text(text=text))
inline_images = st.builds(ImageBase64, data=st.binary(min_size=1, max_size=12), media_type=st.sampled_from(["image/png", "image/jpeg"]))
images = inline_images | st.builds(ImageUrl, url=names.map(lambda name: f"https://example.com/{name}.png"))
files = st.builds(
    File,
    source=st.builds(InlineSource, data=st.binary(min_size=1, max_size=12), media_type=st.just("application/pdf")),
    filename=names.map(lambda name: f"{name}.pdf"),
)
_texts_used = {
    "input": st.integers(1, 10_000),
    "cache_read": st.integers(0, 1_000),
    "output": st.integers(0, 10_000),
    "reasoning": st.integers(0, 1_000),
}
_media_used = dict.fromkeys(
    (
        *("input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video"),
        *("output_audio", "output_image", "output_video"),
    ),
    st.just(0) | st.integers(1, 500),
)
usages = st.builds(Usage, **_texts_used) | st.builds(Usage, **_texts_used, **_media_used)


def messages(role: MessageRole, parts: SearchStrategy[MessagePart]) -> SearchStrategy[Message]:
    return st.lists(parts, min_size=1, max_size=3).map(lambda found: Message(role=role, parts=tuple(found)))


@st.composite
def answers(draw: st.DrawFn, tools: tuple[str, ...] = ()) -> Message:
    """What an assistant said: perhaps reasoning, perhaps text, perhaps calls of the tools; never nothing."""
    parts: list[MessagePart] = []
    if draw(st.booleans()):
        parts.append(Reasoning(text=draw(words)))
    if draw(st.booleans()) or not tools:
        parts.append(draw(texts | words.map(lambda text: Refusal(text=text)) if not parts else texts))
    is_calling = draw(st.booleans()) or not parts
    if tools and is_calling:
        call_ids = draw(st.lists(ids, min_size=1, max_size=3, unique=True))
        parts += [ToolCall(call_id=call_id, name=draw(st.sampled_from(tools)), arguments=draw(arguments)) for call_id in call_ids]
    return Message(role=MessageRole.ASSISTANT, parts=tuple(parts))


@st.composite
def conversations(draw: st.DrawFn, tools: tuple[str, ...] = ()) -> tuple[RequestItem, ...]:
    """Turns that end with the user's, or with the results that the model waits for."""
    items: list[RequestItem] = []
    if draw(st.booleans()):
        items.append(draw(messages(MessageRole.SYSTEM, texts)))
    items.append(draw(messages(MessageRole.USER, texts | images | files)))
    for _ in range(draw(st.integers(0, 3))):
        answer = draw(answers(tools))
        results = [
            ToolResult(call_id=call.call_id, name=call.name, content=(draw(texts),), is_error=draw(st.sampled_from([None, True])))
            for call in answer.tool_calls
        ]
        items += [answer, *results]
        if not results or draw(st.booleans()):
            items.append(draw(messages(MessageRole.USER, texts)))
    return tuple(items)


generations = st.builds(
    GenerationConfig,
    max_output_tokens=st.none() | st.integers(1, 4096),
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.none() | st.sampled_from([0.1, 0.9]),
    top_k=st.none() | st.integers(1, 40),
    stop=st.lists(words, max_size=2).map(tuple),
    presence_penalty=st.none() | st.sampled_from([-1.0, 0.5]),
    frequency_penalty=st.none() | st.sampled_from([-1.0, 0.5]),
    seed=st.none() | st.integers(0, 2**31 - 1),
    n=st.none() | st.integers(2, 3),
)


@st.composite
def requests(draw: st.DrawFn) -> LlmRequest:
    tools = tuple(
        draw(
            st.lists(
                st.builds(ToolDefinition, name=names, description=words, input_schema=schemas, strict=st.none() | st.booleans()),
                max_size=3,
                unique_by=lambda tool: tool.name,
            )
        )
    )
    tool_names = tuple(tool.name for tool in tools)
    choices = st.none() | st.sampled_from([ToolChoice(mode=mode) for mode in ("auto", "none", "required")])
    if tools:
        choices |= st.sampled_from(tool_names).map(lambda name: ToolChoice(mode="named", names=(name,)))
    capabilities = CapabilitySet(
        tools=tools,
        tool_choice=draw(choices) if tools else None,
        parallel_tool_calls=draw(st.none() | st.booleans()) if tools else None,
        structured_output=draw(st.none() | st.builds(StructuredOutputConfig, name=names, schema=schemas, strict=st.none() | st.booleans())),
        reasoning=draw(st.none() | st.sampled_from(["low", "medium", "high"]).map(lambda effort: ReasoningCapability(effort=effort))),
    )
    return LlmRequest(
        model="model-1",
        input=draw(conversations(tool_names)),
        capabilities=capabilities,
        generation=draw(generations),
        is_stream=draw(st.booleans()),
    )


@st.composite
def replies(draw: st.DrawFn) -> LlmResponse:
    message = draw(answers(draw(st.sampled_from([(), ("search", "look_up")]))))
    reason = draw(st.sampled_from([FinishReason.STOP, FinishReason.LENGTH]))
    if message.tool_calls:
        reason = FinishReason.TOOL_CALL
    elif any(isinstance(part, Refusal) for part in message.parts):
        reason = FinishReason.REFUSAL
    return LlmResponse(
        id=draw(names),
        model="model-1",
        created=draw(st.integers(1_700_000_000, 1_900_000_000)),
        candidates=(Candidate(message=message, finish_reason=reason),),
        usage=draw(usages),
    )


@st.composite
def event_sequences(draw: st.DrawFn) -> tuple[LlmStreamEvent, ...]:
    """A whole, successful stream; calls of tools may grow at the same time, as parallel calls do."""
    reply = draw(replies())
    parts = reply.message.parts
    tracks = [
        [PartStarted(index=index, part=_opening(part)), *draw(_deltas(index, part)), PartEnded(index=index)]
        for index, part in enumerate(parts)
    ]
    events: list[LlmStreamEvent] = [ResponseStarted(id=reply.id, model=reply.model, created=reply.created)]
    while any(tracks):
        # What stands before the first unfinished part that is no call is over; from there on only calls may grow together.
        first = next(number for number, track in enumerate(tracks) if track)
        growing = [first]
        if isinstance(parts[first], ToolCall):
            growing = [number for number in range(first, len(parts)) if tracks[number] and _may_grow(tracks, number)]
        events.append(tracks[draw(st.sampled_from(growing))].pop(0))
    assert reply.usage is not None
    return (*events, Finished(reason=reply.finish_reason), UsageReported(usage=reply.usage), Completed())


def _may_grow(tracks: list[list[LlmStreamEvent]], number: int) -> bool:
    """Parts are numbered in the order of their start."""
    return number == 0 or not tracks[number - 1] or not isinstance(tracks[number - 1][0], PartStarted)


def _opening(part: MessagePart) -> MessagePart:
    if isinstance(part, ToolCall):
        return msgspec.structs.replace(part, arguments="")
    assert isinstance(part, Text | Reasoning | Refusal)
    return msgspec.structs.replace(part, text="")


@st.composite
def _deltas(draw: st.DrawFn, index: int, part: MessagePart) -> list[LlmStreamEvent]:
    if isinstance(part, ToolCall):
        return [ToolCallDelta(index=index, arguments=piece) for piece in draw(_pieces(part.arguments))]
    assert isinstance(part, Text | Reasoning | Refusal)
    make = {Text: TextDelta, Reasoning: ReasoningDelta, Refusal: RefusalDelta}[type(part)]
    return [make(index=index, text=piece) for piece in draw(_pieces(part.text))]


@st.composite
def _pieces(draw: st.DrawFn, whole: str) -> list[str]:
    cuts = sorted(draw(st.sets(st.integers(1, max(len(whole) - 1, 1)), max_size=3)))
    edges = [0, *(cut for cut in cuts if cut < len(whole)), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(edges)]
