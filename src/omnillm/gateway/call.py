"""`Call`: what enters the gateway. Calls of the server, of the library and native calls are all this value, and take the same path."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.gateway.form import Form
from omnillm.protocols.lookalikes import is_in_odd_letters
from omnillm.protocols.members import has_repeated_members, read_members, spelling
from omnillm.protocols.outline import Outline
from omnillm.protocols.protocol import Members, Protocol, RequestPeek
from omnillm.trace_context import TraceFields


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
    is_stream: bool = False
    peek: RequestPeek
    members: Members = {}
    body: bytes = b""
    outline: Outline | None = None
    """Of a long conversation: to be looked through for ids and media in the place of members and body."""
    headers: Mapping[bytes, bytes] = {}
    started_at: float
    """Monotonic seconds."""
    wall: float
    deadline: float
    """Monotonic seconds."""
    is_hurried: bool = False
    """Its caller has set the deadline, sooner than is configured."""
    provider: str = ""
    """The only one that may answer; "": whichever the model's route names."""
    version: str = ""
    """Of a cloud's API, as the client's path has it; "": its provider's base URL's. Of a live session: what it is for, if not to talk."""
    session: str = ""
    affinity: int = 0
    """A hash: calls with the same one prefer the same key; 0: none."""
    tags: str = ""
    idempotency_key: IdempotencyKey | None = None
    trace: TraceFields | None = None
    """What its caller says of the trace that it is part of."""
    form: Form | None = None
    """A form with files, in the place of `body`, which then is its digest."""

    def __repr__(self) -> str:
        """Without headers, members and body: they hold credentials and prompts."""
        return f"Call({self.protocol.name}, {self.model!r} for {self.caller.name!r})"


AFFINITY_PREFIX_BYTES: Final = 4096
PROMPT: Final = (
    *("system", "instructions", "systemInstruction", "system_instruction"),
    *("tools", "toolConfig", "capabilities"),
    *("messages", "input", "contents"),
)
"""What a provider's prompt cache knows a call by, in whichever protocol: the system's words, the tools, and then the conversation."""
LONGEST_IDEMPOTENCY_KEY: Final = 255


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
    if call.form is not None:
        return False  # the form was refused, if a name stood in it twice
    if has_repeated_members(call.body, call.members) or is_in_odd_letters(call.members):
        return True
    return "." in call.protocol.output_cap_member and _repeats_within(call, call.protocol.output_cap_member.partition(".")[0])


def _repeats_within(call: Call, holder: str) -> bool:
    raw = call.members.get(spelling(call.members, holder))
    return raw is not None and bytes(raw) != b"null" and has_repeated_members(bytes(raw), read_members(bytes(raw)))


def affinity_of(kind: str, session: str, members: Members) -> int:
    """A hash that is equal for calls which share a session, or the beginning of a prompt; 0: none. `kind`: none, session or prefix."""
    if kind == "none":
        return 0
    shared = session.encode() if kind == "session" else _beginning(members)
    return int.from_bytes(blake2b(shared, digest_size=7).digest(), "big") + 1 if shared else 0


def _beginning(members: Members) -> bytes:
    """Of the prompt, wherever in the body its parts stand, and whatever stands before them."""
    beginning = b""
    for name in PROMPT:
        if name in members:
            beginning += bytes(memoryview(members[name])[: AFFINITY_PREFIX_BYTES - len(beginning)])
    return beginning
