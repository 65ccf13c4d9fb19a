"""Makes a reply from what the request asks for and the fault that it gets. Pure."""

import math
from email.utils import formatdate
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.testing.composition import compose
from omnillm.testing.delivery import Reply
from omnillm.testing.families.provided import Provided
from omnillm.testing.faults import Fault, Hint
from omnillm.testing.generation import Generation, told_usage
from omnillm.testing.replies import gemini_generate_content
from omnillm.testing.replies.speaker import Asked, Piece, Speaker, Standing, Trouble
from omnillm.testing.script import Behaviour
from omnillm.usage import Usage

ANY_TIER = frozenset({"", "auto", "standard_only"})


def generate(asked: Asked, behaviour: Behaviour, fault: Fault, *, number: int, created: int, seal: str) -> Generation:
    """What the model says, and what that costs."""
    most = asked.max_output
    hidden = behaviour.reasoning_tokens if most is None else min(behaviour.reasoning_tokens, most)
    said = compose(asked, behaviour.words, None if most is None else most - hidden, behaviour.says)
    thought = sum([len(block.words) for block in said.blocks if block.kind == "reasoning"])
    usage = replace(
        _prompt_usage(asked, behaviour),
        output=(sum([len(block.words) for block in said.blocks]) - thought) * asked.choices,
        reasoning=hidden + thought * asked.choices,
        output_image=behaviour.drawn_tokens if asked.tells_media else 0,
    )
    return Generation(
        number=number,
        created=created,
        model=asked.model,
        blocks=said.blocks,
        finish=said.finish,
        stop=said.stop,
        seal=seal if asked.wants_seal and any(block.kind != "text" for block in said.blocks) else "",
        is_redacted="redacted" in asked.markers.words,
        echo=asked.echo,
        tier=behaviour.tier or ("default" if asked.tier in ANY_TIER else asked.tier),
        usage=usage,
        told=told_usage(usage, fault.lie),
        is_cumulative=fault.lie == "cumulative",
        choices=asked.choices,
        wants_usage=asked.wants_usage,
        max_output=asked.max_output,
    )


def _prompt_usage(asked: Asked, behaviour: Behaviour) -> Usage:
    """Text is what is read from the cache first, then pictures, then sound."""
    text, heard = asked.prompt_tokens - asked.image_tokens, behaviour.heard_tokens if asked.tells_media else 0
    cached = min(behaviour.cached_tokens, text)
    cached_seen = min(behaviour.cached_tokens - cached, asked.image_tokens)
    cached_heard = min(behaviour.cached_tokens - cached - cached_seen, heard)
    written = min(behaviour.cache_write_tokens, text - cached)
    return Usage(
        input=text - cached - written,
        cache_read=cached,
        input_image=asked.image_tokens - cached_seen,
        cache_read_image=cached_seen,
        input_audio=heard - cached_heard,
        cache_read_audio=cached_heard,
        cache_write_short=written,
    )


def succeed(speaker: Speaker, generation: Generation, fault: Fault, standing: Standing, *, is_stream: bool, is_array: bool) -> Reply:
    """The reply that carries a generation, as the fault's content changes it."""
    fields = speaker.fields(standing) | {"date": http_date(standing.wall)}
    if not is_stream:
        total = generation.usage.completion_tokens
        pieces = [Piece(msgspec.json.encode(speaker.whole(generation)), total, "terminal")]
        if fault.truncates_json:
            pieces = _half(pieces)
        fields |= speaker.reply_fields(generation) | dict(fault.fields)
        return Reply(status=200, fields=fields, pieces=pieces, is_chunked=False, generated=total)
    pieces = _altered(speaker, generation, fault)
    if is_array:
        pieces = gemini_generate_content.as_array(pieces)
    fields |= dict(fault.fields) if is_array else {"content-type": speaker.stream_type, "cache-control": "no-cache"} | dict(fault.fields)
    return Reply(status=200, fields=fields, pieces=pieces, is_chunked=True, generated=generation.hidden)


def provide(speaker: Speaker, provided: Provided, fault: Fault, standing: Standing) -> Reply:
    """The reply of an endpoint family, as the fault's content changes it."""
    told = {"date": http_date(standing.wall), "content-type": provided.content_type} | dict(provided.fields)
    fields = speaker.fields(standing) | told | dict(fault.fields)
    pieces = provided.delivered()
    if fault.truncates_json:
        pieces = _half(pieces)
    return Reply(status=200, fields=fields, pieces=pieces, is_chunked=provided.is_stream)


def _half(pieces: list[Piece]) -> list[Piece]:
    """The first half, the last of them broken off in its middle."""
    kept = pieces[: max(1, len(pieces) // 2)]
    kept[-1].raw = kept[-1].raw[: len(kept[-1].raw) // 2]
    return kept


def _altered(speaker: Speaker, generation: Generation, fault: Fault) -> list[Piece]:
    pieces = speaker.stream(generation)
    if fault.error_after is not None:
        pieces = _failed(speaker, generation, fault, pieces)
    if fault.missing:
        lost = {"terminal"} if fault.missing == "terminal" else {"terminal", "finish"}
        pieces = [piece for piece in pieces if piece.part not in lost]
    if fault.truncates_json:
        pieces = _half(pieces)
    if inserted := fault.inserted or (b":%b\n\n" % (b"x" * fault.comment_bytes) if fault.comment_bytes else b""):
        first = next((place for place, piece in enumerate(pieces) if piece.part == "content"), 0)
        pieces.insert(first + 1, Piece(inserted, pieces[first].output_tokens, "start"))
    if fault.uses_crlf:
        for piece in pieces:
            piece.raw = piece.raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return pieces


def _failed(speaker: Speaker, generation: Generation, fault: Fault, pieces: list[Piece]) -> list[Piece]:
    """The stream up to its error event. Without any content, nothing counts as generated."""
    assert fault.error_after is not None
    ends = [place for place, piece in enumerate(pieces) if piece.part != "start"]
    first_end = next(count for count, place in enumerate(ends) if pieces[place].part != "content")
    kept = pieces[: ends[min(fault.error_after, first_end)]]
    raw = speaker.error_events(trouble_of(fault), generation, len(kept))
    return [*kept, Piece(raw, kept[-1].output_tokens if kept else 0, "terminal")]


def trouble_of(fault: Fault) -> Trouble:
    hint = fault.hint
    retry_s = hint.seconds if hint is not None and hint.form == "retry_info" else None
    return Trouble(status=fault.error_status or fault.http_status, code=fault.code, message=fault.message, retry_s=retry_s)


def fail(speaker: Speaker, fault: Fault, standing: Standing) -> Reply:
    """The reply that a fault gives instead of a generation."""
    trouble = trouble_of(fault)
    hint = fault.hint
    told: dict[str, str] = {}
    if hint is not None:
        if speaker.protocol.startswith("gemini_") and hint.form in {"both", "reset"}:
            trouble = replace(trouble, retry_s=hint.seconds)
        if hint.form == "reset":
            standing = replace(standing, remaining=0, reset_s=hint.seconds)
        told = _retry_fields(hint, standing.wall)
    date = {"date": http_date(standing.wall)}
    fields = speaker.fields(standing) | speaker.error_fields(trouble) | date | told | dict(fault.fields)
    raw = msgspec.json.encode(speaker.error(trouble)) if fault.body is None else fault.body
    status = fault.http_status or fault.error_status
    return Reply(status=status, fields=fields, pieces=[Piece(raw, 0, "terminal")], is_chunked=False, is_head_only=status == 204)


def _retry_fields(hint: Hint, wall: float) -> dict[str, str]:
    """Rounded up: who comes back then is not too early."""
    milliseconds = str(math.ceil(hint.seconds * 1000))
    match hint.form:
        case "both":
            return {"retry-after": str(math.ceil(hint.seconds)), "retry-after-ms": milliseconds}
        case "ms":
            return {"retry-after-ms": milliseconds}
        case "seconds":
            return {"retry-after": str(math.ceil(hint.seconds))}
        case "date":
            return {"retry-after": http_date(wall + hint.seconds)}
        case "raw":
            return {"retry-after": hint.raw}
        case _:
            return {}


def tell(speaker: Speaker, body: Any, standing: Standing) -> Reply:
    """A reply that nobody is billed for: a list of models, a count."""
    fields = speaker.fields(standing) | {"date": http_date(standing.wall)}
    return Reply(status=200, fields=fields, pieces=[Piece(msgspec.json.encode(body))], is_chunked=False)


@lru_cache(maxsize=8)
def http_date(wall: float) -> str:
    return formatdate(wall, usegmt=True)


def partial(usage: Usage, generated: int) -> Usage:
    """The part of a usage that holds once so many output tokens were generated; a model reasons before it speaks, and draws last."""
    reasoning = min(usage.reasoning, generated)
    output = min(usage.output, generated - reasoning)
    return replace(usage, reasoning=reasoning, output=output, output_image=usage.output_image if output == usage.output else 0)
