"""What routing, limits and money need of a Messages request and of its reply."""

from collections.abc import Iterator
from itertools import starmap
from typing import Final

import msgspec

from omnillm.protocols.anthropic_messages.failure import failure_of
from omnillm.protocols.anthropic_messages.usage import tier_of, usage_of
from omnillm.protocols.anthropic_messages.wire import MediaMessage, Part, Reply, Source
from omnillm.protocols.claude_media import IMAGE, TOOLS, own_tools, pdf, plain
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.members import FLAG, OUTPUT_CAP, OUTPUT_CAP_RANGE, read, read_model, require_array
from omnillm.protocols.priced import OPENROUTER
from omnillm.protocols.priced_messages import MESSAGES_FREE, MESSAGES_PAID, MESSAGES_SEARCH
from omnillm.protocols.prompt_size import may_hold, text_bytes
from omnillm.protocols.protocol import NOT_A_REPLY, WEIGHTLESS, Members, ReplyPeek, RequestPeek, Weight

_NOT_READ = frozenset(
    {
        *("model", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences"),
        *("metadata", "service_tier", "speed", "inference_geo"),
    }
)
"""Members that configure: the model never reads them."""

_PRICED = OPENROUTER | {
    *("service_tier", "speed", "inference_geo", "mcp_servers", "fallbacks", "container", "context_management", "compaction", "thread")
}
"""Members that change the rate, let the provider run further turns, or bring in input that the body does not show."""

_PRICED_TOOLS = (MESSAGES_SEARCH, *MESSAGES_FREE, *MESSAGES_PAID)
"""Tools that run on the provider's side: paid by the call, or by the further turns that they cause."""

_CONVERSATION = msgspec.json.Decoder(list[MediaMessage])
_REPLY = msgspec.json.Decoder(Reply)
_QUOTE: Final = ord('"')


def peek_request(members: Members) -> RequestPeek:
    """Read a body of `/v1/messages` or `/v1/messages/count_tokens` (which has no cap). Raises BadRequest."""
    model = read_model(members)
    require_array(members, "messages")
    return RequestPeek(
        model=model,
        is_stream="stream" in members and read(members, "stream", FLAG, "a boolean") is True,
        output_cap=read(members, "max_tokens", OUTPUT_CAP, OUTPUT_CAP_RANGE),
        price_members=_price_members(members),
    )


def _price_members(members: Members) -> tuple[str, ...]:
    if "tools" not in members and _PRICED.isdisjoint(members):
        return ()
    tools = read(members, "tools", TOOLS, "an array of objects")
    names = [name for name in members if name in _PRICED]
    if tools and any(tool.type is not None and tool.type.startswith(_PRICED_TOOLS) for tool in tools):
        names.append("tools")
    return tuple(names)


def peek_reply(body: bytes) -> ReplyPeek:
    try:
        reply = decode_lenient(_REPLY, body)
    except UNREADABLE:
        return NOT_A_REPLY
    if reply.error is not None or reply.type == "error":
        return ReplyPeek(usage=None, is_complete=False, failure=failure_of(200, reply.error))
    if reply.type != "message" or reply.content is None:
        return NOT_A_REPLY
    reported = reply.usage
    if reported is None:
        return ReplyPeek(usage=None, is_complete=True, has_content=bool(reply.content))
    tier = tier_of(reported.speed, reported.service_tier, reported.inference_geo)
    return ReplyPeek(usage=usage_of(reported), is_complete=True, tier=tier, has_content=bool(reply.content))


def weigh(members: Members) -> tuple[int, Weight]:
    text, media = _weigh_conversation(members)
    return text, media + own_tools(bytes(members["tools"])) if "tools" in members else media


def _weigh_conversation(members: Members) -> tuple[int, Weight]:
    text, messages = text_bytes(members, _NOT_READ), members.get("messages")
    if messages is None or not may_hold(bytes(messages), b'"source"'):
        return text, WEIGHTLESS
    try:
        conversation = _CONVERSATION.decode(messages)
    except UNREADABLE:
        return text, plain(len(messages))  # of an unknown shape: every byte counts once more
    sources = [source for message in conversation if type(message.content) is list for source in _sources(message.content)]
    inline = sum([_inline_bytes(source) for _, source in sources])
    return text - inline, sum(starmap(_source_tokens, sources), WEIGHTLESS)


def _sources(parts: list[Part]) -> Iterator[tuple[str, Source]]:
    """Every image and document with its kind, in the results of tools too, and in place of a document made of blocks those."""
    for part in parts:
        source, content = part.source, part.content
        if isinstance(source, Source):
            if part.type != "image" and isinstance(source.content, list):
                yield from _sources(source.content)
            else:
                yield part.type, source
        if isinstance(content, list):
            yield from _sources(content)


def _inline_bytes(source: Source) -> int:
    """Of base64, or of a text in its place. What is no string may hold anything, and stays text."""
    data = source.data
    return len(data) if len(data) and memoryview(data)[0] == _QUOTE else 0


def _source_tokens(kind: str, source: Source) -> Weight:
    if kind == "image":
        return IMAGE
    return plain(len(source.data)) if source.type == "text" else pdf(len(source.data))
