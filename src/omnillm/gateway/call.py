"""`Call`: what enters the gateway. A value; server, library and pass-through calls differ in it, not in the path they take."""

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from omnillm.errors import BadRequest, TooLarge
from omnillm.gateway.upload import Upload
from omnillm.protocols.lookalikes import is_in_odd_letters
from omnillm.protocols.members import is_compact
from omnillm.protocols.outline import Outline
from omnillm.protocols.protocol import Members, Protocol, RequestPeek

GENERATE: Final = "generate"
COUNT_TOKENS: Final = "count_tokens"
REALTIME: Final = "realtime"
"""A live session over WebSocket."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request was authenticated as: a virtual key with its limits and budget scopes."""

    name: str = ""
    """Of the virtual key; "" for nobody (auth: none, and the library)."""
    models: tuple[str, ...] = ()
    """Patterns of the models that it may ask for; empty: all."""
    budgets: tuple[str, ...] = ()
    """Every budget that its calls draw on, gateway-wide ones included."""
    is_hard: bool = False
    """One of them refuses rather than warns."""
    expires_wall: float = float("inf")
    tags: str = ""


class IdempotencyKey(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's own name for a call: sent again, it is known for the same one. Of another route it is another key."""

    route: str
    value: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request, decoded once and peeked."""

    protocol: Protocol
    """The client's."""
    operation: str
    caller: Caller
    model: str
    """As asked for."""
    is_stream: bool
    peek: RequestPeek
    members: Members
    body: bytes
    outline: Outline | None = None
    """Of a long conversation: to be looked through for ids and media in the place of members and body."""
    headers: Mapping[bytes, bytes]
    started_at: float
    """Monotonic seconds."""
    wall: float
    deadline: float
    """Monotonic seconds."""
    provider: str = ""
    """The only one that may answer; "": whichever the model's route names."""
    version: str = ""
    """Of a cloud's API, as the client's path has it; "": its provider's base URL's. Of a live session: what it is for, if not to talk."""
    session: str = ""
    affinity: int = 0
    """A hash: calls with the same one prefer the same key; 0: none."""
    tags: str = ""
    idempotency_key: IdempotencyKey | None = None
    upload: Upload | None = None
    """A form with files, in the place of `body`, which then is its digest."""

    def __repr__(self) -> str:
        """Without headers, members and body: they hold credentials and prompts."""
        return f"Call({self.protocol.name}, {self.model!r} for {self.caller.name!r})"


AFFINITY_PREFIX_BYTES = 4096

LONGEST_IDEMPOTENCY_KEY: Final = 255
MOST_MEMBERS: Final = 1024
"""Of an object whose members are held apart: each takes fifteen times the memory of its shortest spelling, as long as its call lasts."""

LARGE_BODY: Final = 8 * 1024 * 1024
MOST_OBJECTS: Final = 300_000
"""And arrays, of a larger body than that: Anthropic takes 100,000 messages, and what makes a body large is pictures or long texts."""
MOST_VALUES: Final = 4_000_000
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MEMBER = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*')
"""What stands before a value: brace or comma, a name without escapes, a colon."""


def read_members(body: bytes) -> Members:
    """The top level of a JSON object, its values verbatim; anything else is the caller's fault, and said so."""
    try:
        if not body.isascii():
            body.decode()
        members = _members(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The request body must be a JSON object: {error}.", code="invalid_json") from error
    except msgspec.DecodeError as error:
        if not body.strip():
            raise BadRequest("The request body is empty.", code="invalid_json") from error
        # of a surrogate without its other half the decoder says that the whole ends
        reason = str(error) if "truncated" not in str(error) else "it ends too early, or holds half a surrogate pair"
        raise BadRequest(f"The request body is not valid JSON: {reason}.", code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not valid UTF-8 at byte {error.start}.", code="invalid_json") from error
    except RecursionError as error:
        raise _too_deep() from error
    if len(members) > MOST_MEMBERS:
        raise BadRequest(f"The request body has more than {MOST_MEMBERS} members.", code="invalid_json")
    return members


def check_shape(body: bytes) -> None:
    """TooLarge: a large body of so many small values that reading it would keep everybody waiting for seconds, and take gigabytes."""
    if len(body) > LARGE_BODY and (body.count(b"{") + body.count(b"[") > MOST_OBJECTS or body.count(b",") > MOST_VALUES):
        raise TooLarge(f"A body of more than {LARGE_BODY} bytes may not hold more than {MOST_OBJECTS} objects and arrays.")


def with_model(members: Members, model: str) -> Members:
    """The members as they are peeked where the path may name the model (Azure's older paths), and the body need not; "": it does not."""
    return {"model": msgspec.Raw(msgspec.json.encode(model)), **members} if model and "model" not in members else members


def emit(members: Mapping[str, msgspec.Raw], changes: Mapping[str, bytes]) -> bytes:
    """A JSON object of `members`, with `changes` in their places or, where they are new, at the end."""
    pieces: list[bytes | msgspec.Raw] = []
    for name, raw in members.items():
        pieces += (b",", msgspec.json.encode(name), b":", changes.get(name, raw))
    for name, value in changes.items():
        if name not in members:
            pieces += (b",", msgspec.json.encode(name), b":", value)
    pieces[0] = b"{"
    pieces.append(b"}")
    return b"".join(pieces)


def read_idempotency_key(value: str, route: str) -> IdempotencyKey:
    """BadRequest: it is empty, too long, or holds a space or anything that is not visible ASCII."""
    if not (0 < len(value) <= LONGEST_IDEMPOTENCY_KEY and value.isascii() and value.isprintable()) or " " in value:
        raise BadRequest(
            f"An idempotency key must be 1 to {LONGEST_IDEMPOTENCY_KEY} visible ASCII characters, and be sent once.",
            code="invalid_idempotency_key",
        )
    return IdempotencyKey(route=route, value=value)


def has_ambiguous_body(call: Call) -> bool:
    """Whether a member stands twice where two readers may differ: at the top level, or in the object that holds the output cap (Gemini).

    In other letters, too: some hosts read names whatever their case.
    """
    if call.upload is not None:
        return False  # the form was refused, if a name stood in it twice
    if has_repeated_members(call.body, call.members) or is_in_odd_letters(call.members):
        return True
    return "." in call.protocol.output_cap_member and _repeats_within(call, call.protocol.output_cap_member.partition(".")[0])


def _repeats_within(call: Call, holder: str) -> bool:
    raw = call.members.get(spelling(call.members, holder))
    return raw is not None and bytes(raw) != b"null" and has_repeated_members(bytes(raw), read_members(bytes(raw)))


def has_repeated_members(body: bytes, members: Members) -> bool:
    """Whether a member name stands twice at the top level, so that a price check could read another value than the provider.

    The compact form that every SDK sends is settled by arithmetic, one with blanks is compared with its members, one by one. Only other
    spellings are decoded once more, name by name.
    """
    return not is_compact(members, body) and not _is_all(members, body) and _count_members(body) != len(members)


def _is_all(members: Members, body: bytes) -> bool:
    """Whether the body is seen to be these members, one after the other, and nothing else. A value is valid JSON, so its end is certain."""
    at = 0
    for name, raw in members.items():
        value = bytes(raw)
        opening = _MEMBER.match(body, at)
        if opening is None or opening[1] != name.encode() or not body.startswith(value, opening.end()):
            return False
        at = opening.end() + len(value)
    return body[at:].strip() == b"}"


def _count_members(body: bytes) -> int:
    found = 0

    def count(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = len(pairs)  # objects end inside out: the last one counted is the outermost

    try:
        json.loads(body, object_pairs_hook=count, parse_int=str)
    except RecursionError as error:
        raise _too_deep() from error
    return found


def _too_deep() -> BadRequest:
    return BadRequest("The request body is nested too deeply.", code="invalid_json")


def spelling(members: Members, name: str) -> str:
    """`name` as it stands in the body: protocol buffers' JSON is read in both spellings, generationConfig and generation_config."""
    if name in members:
        return name
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return snake if snake in members else name


def affinity_of(kind: str, session: str, body: bytes) -> int:
    """A hash that is equal for calls which share a session, or the beginning of a prompt. `kind`: none, session or prefix."""
    if kind == "none":
        return 0
    shared = session.encode() if kind == "session" else body[:AFFINITY_PREFIX_BYTES]
    return int.from_bytes(blake2b(shared, digest_size=7).digest(), "big") + 1 if shared else 0
