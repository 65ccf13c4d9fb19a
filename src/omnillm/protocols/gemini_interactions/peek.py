"""What routing, limits and money need of a request for an interaction and of its reply."""

from collections.abc import Iterator
from typing import Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.gemini_generate_content.peek import (
    IMAGE_TOKENS,
    WINDOW_TOKENS,
    weighed,
    weight_as_seen,
    weight_of_inline,
    weight_of_unknown,
)
from omnillm.protocols.gemini_interactions.failure import failure_in
from omnillm.protocols.gemini_interactions.usage import usage_of_interaction
from omnillm.protocols.gemini_interactions.wire import BEING_WRITTEN, Content, GenerationConfig, Given, Interaction, Step, Tool
from omnillm.protocols.members import FLAG, read, read_config
from omnillm.protocols.prompt_size import text_bytes
from omnillm.protocols.protocol import NOT_A_REPLY, WEIGHTLESS, Members, ReplyPeek, RequestPeek, Weight

_PRICED: Final = frozenset(
    {"service_tier", "previous_interaction_id", "cached_content", "continuation_token", "background", "environment", "agent"}
)
"""Members that change the rate, or bring in input or work that the body does not show."""
_ODD: Final = frozenset({"serviceTier", "previousInteractionId", "cachedContent", "continuationToken", "generationConfig"})
"""The same, and what holds the output cap, in the other spelling of protocol buffers: perhaps Google knows what they ask for."""
_NOT_READ: Final = _PRICED | {"model", "generation_config", "labels", "safety_settings", "store", "stream", "webhook_config"}
"""Members that configure: the model never reads them."""
_GOING_ON: Final = frozenset({"continuation_token", "previous_interaction_id"})
_FUNCTION: Final = "function"
_BRACE, _BRACKET, _QUOTE = b'{["'

_USUAL: Final = {"image": "image/", "audio": "audio/", "video": "video/", "document": "text/"}
"""The kinds of parts that are media, and what their MIME types begin with; a document that does not say what it is may be text."""

_NAME = msgspec.json.Decoder(str | None)
_CONFIG = msgspec.json.Decoder(GenerationConfig | None)
_TOOLS = msgspec.json.Decoder(list[Tool] | None)
_INTERACTION = msgspec.json.Decoder(Interaction)
_GIVEN = msgspec.json.Decoder(Given)
_ALL_GIVEN = msgspec.json.Decoder(list[Given | str])
_CONTENTS = msgspec.json.Decoder(list[Content])
_NO_CONFIG = GenerationConfig()


def peek_request(members: Members) -> RequestPeek:
    """Read a body of `/v1beta/interactions`. An agent is asked for as a model is. Raises BadRequest."""
    model = _asked_for(members)
    _require_input(members)
    raw = members.get("generation_config")
    config = _NO_CONFIG if raw is None else read_config(raw, _CONFIG, "generation_config") or _NO_CONFIG
    return RequestPeek(
        model=model,
        is_stream=read(members, "stream", FLAG, "a boolean") is True,
        output_cap=config.output_cap,
        price_members=_price_members(members, config),
    )


def _asked_for(members: Members) -> str:
    model = read(members, "model", _NAME, "a string")
    agent = read(members, "agent", _NAME, "a string")
    if model and agent:
        raise BadRequest("`model` and `agent` exclude each other")
    name = (model or agent or "").removeprefix("models/")
    if not name:
        raise BadRequest("`model` or `agent` is required", code="missing_model")
    if len(name) > 256:
        raise BadRequest("`model` and `agent` have at most 256 characters")
    return name


def rename(members: Members, model: str) -> dict[str, bytes]:
    """The one member that names whoever is asked."""
    return {"model" if read(members, "model", _NAME, "a string") else "agent": msgspec.json.encode(model)}


def _require_input(members: Members) -> None:
    given = members.get("input")
    # A view, since the conversation can be megabytes; the decoder has checked its syntax and skipped the blanks before it.
    if given is None or memoryview(given)[0] not in {_QUOTE, _BRACKET, _BRACE}:
        if given is None and not _GOING_ON.isdisjoint(members):
            return
        raise BadRequest("`input` must be a string, an array or an object")


def _price_members(members: Members, config: GenerationConfig) -> tuple[str, ...]:
    names = [name for name in members if name in _PRICED or name in _ODD]
    tools = read(members, "tools", _TOOLS, "an array of objects")
    if tools and any(tool.type != _FUNCTION for tool in tools):
        names.append("tools")
    if config.odd_cap is not None:
        names.append("generation_config.maxOutputTokens")
    return tuple(names)


def peek_reply(body: bytes) -> ReplyPeek:
    """Read an interaction, or an error that came under a success status. A failed interaction is an error with usage."""
    try:
        interaction = decode_lenient(_INTERACTION, body)
    except UNREADABLE:
        return NOT_A_REPLY
    usage = None if interaction.status in BEING_WRITTEN else usage_of_interaction(interaction)  # so far is not in the end
    failure = failure_in(interaction)
    if failure is not None:
        return ReplyPeek(usage=usage, is_complete=False, failure=failure)
    # One in the background is complete as an answer although the provider has yet to write it.
    is_complete = bool(interaction.status) and (interaction.steps is not None or bool(interaction.id))
    return ReplyPeek(
        usage=usage, is_complete=is_complete, tier=interaction.service_tier, has_content=any(map(says_something, interaction.steps or ()))
    )


def says_something(step: Step) -> bool:
    """What the user said is no content of a reply, and a thought or an output that has just begun is none yet."""
    if step.type == "model_output":
        return bool(step.content)
    return bool(step.summary) if step.type == "thought" else step.type != "user_input"


def weigh(members: Members) -> tuple[int, Weight]:
    text, given = text_bytes(members, _NOT_READ), members.get("input")
    if given is None or memoryview(given)[0] == _QUOTE:
        return text, WEIGHTLESS
    try:
        parts = list(_parts(given))
    except UNREADABLE:
        return text, weight_of_unknown(len(given))
    return weighed(text, map(_weight_of, parts))


def _parts(given: msgspec.Raw) -> Iterator[Content]:
    """All parts of the input: of steps, and of the results of functions, where those are parts. Raises one of `UNREADABLE`."""
    for each in (_GIVEN.decode(given),) if memoryview(given)[0] == _BRACE else _ALL_GIVEN.decode(given):
        if isinstance(each, str):
            continue
        yield each
        content = each.content
        yield from (content,) if isinstance(content, Content) else content if isinstance(content, list) else ()
        if each.result and memoryview(each.result)[0] == _BRACKET:
            yield from _CONTENTS.decode(each.result)


def _weight_of(part: Content) -> tuple[int, int]:
    """(tokens at most, bytes of base64 in the request). What is of no kind that is known here is text, whatever it holds."""
    if part.type not in _USUAL:
        return 0, 0
    size = len(part.data) if part.data and memoryview(part.data)[0] == _QUOTE else 0
    processing = part.processing
    word = processing.get("type") if isinstance(processing, dict) else processing
    return weight_as_seen(_weight_by_size(part, part.mime_type or "", size), word, processing), size


def _weight_by_size(part: Content, kind: str, size: int) -> int:
    if part.type == "image" and (not kind or kind.startswith("image/")):
        return IMAGE_TOKENS
    # By address alone nothing is known of its length.
    return weight_of_inline(kind or _USUAL[part.type], size) if size and not part.uri else WINDOW_TOKENS
