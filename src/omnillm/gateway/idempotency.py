"""A call with an idempotency key is done once. What its repetitions are told, and when the key is free again.

The key is used up when an attempt may have been billed, and free again when none was. So nobody pays twice for a repetition, and no
repetition is refused without need.
"""

from hashlib import blake2b
from types import TracebackType
from typing import Final

import msgspec

from omnillm.clock import Clock
from omnillm.errors import CallerFault, OmniError
from omnillm.gateway.call import Call, IdempotencyKey
from omnillm.gateway.claims import Claims, Decision
from omnillm.gateway.faults import client_status, error_body
from omnillm.gateway.journal import Journal
from omnillm.records import ClaimRow, ClaimState

ORIGINAL: Final = "original_request_id"
"""In an error's details: the call that has used up the key."""
SHORTEST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0


class IdempotencyRules(msgspec.Struct, frozen=True, kw_only=True):
    ttl_s: float = 86400.0
    """From the claim on."""
    keeps_replies: bool = False
    """Of calls that are not streamed."""
    max_reply_bytes: int = 1024 * 1024


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The reply that a call with this key got before. It costs nothing, and is no call: it has no row and draws on no limit."""

    status: int
    outcome: str
    content_type: str
    body: bytes
    request_id: str
    """Of the call that was answered."""


class Idempotency:
    """`rules` follow the configuration; what is claimed outlives its changes."""

    def __init__(self, journal: Journal, clock: Clock, *, pepper: bytes) -> None:
        self.journal = journal
        self.clock = clock
        self.claims = Claims()
        self.rules = IdempotencyRules()
        self._pepper = pepper[:64]

    def claim(self, call: Call, key: IdempotencyKey) -> "Claim":
        """Try to claim the key; `Claim.replay` says what came of it. LedgerUnavailable: the claim could not be kept."""
        self.journal.check()
        scope = blake2b(f"{call.caller.name}\0{key.route}\0{key.value}".encode(), digest_size=32)
        fingerprint = blake2b(f"{call.model}\0{call.is_stream}\0".encode(), key=self._pepper, digest_size=32)  # no body need tell these
        fingerprint.update(call.body)
        return Claim(self, call, scope=scope.hexdigest(), fingerprint=fingerprint.hexdigest())


class Claim:
    """A call's hold on its idempotency key, from the moment at which it is made. The call's case ends it, or the block that it opens."""

    __slots__ = ("_call", "_decision", "_expires_wall_ms", "_fingerprint", "_idempotency", "_is_held", "_kept", "_scope", "is_drained")

    def __init__(self, idempotency: Idempotency, call: Call, *, scope: str, fingerprint: str) -> None:
        self._idempotency = idempotency
        self._call = call
        self._scope = scope
        self._fingerprint = fingerprint
        self._expires_wall_ms = int((call.wall + idempotency.rules.ttl_s) * 1000)
        self._kept: tuple[int, str, bytes] | None = None
        self.is_drained = False
        """Its caller has gone, and its stream is read to the end: then the call's case ends the claim."""
        self._decision = idempotency.claims.claim(scope, fingerprint, self._wall_ms())
        self._is_held = self._decision in {Decision.GRANTED, Decision.UNKNOWN}

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """An error before the call had a case: the key is free."""
        if error is not None and self._is_held and not self.is_drained:
            self._is_held = False
            self._idempotency.claims.release(self._scope)

    async def replay(self) -> Replay | None:
        """None: the call is the first, and goes on. CallerFault: 422 another body, 409 under way, or done and not to be told again."""
        claims, found = self._idempotency.claims, None
        if self._decision is Decision.UNKNOWN:
            found = await self._idempotency.journal.claim(self._scope)
            self._decision = claims.learn(self._scope, found)
            self._is_held = self._decision is Decision.GRANTED
        if self._decision is Decision.GRANTED:
            return None
        if self._decision is Decision.MISMATCH:
            raise CallerFault(
                "This idempotency key was used with another body: use a new key for a new call.", code="idempotency_mismatch", status=422
            )
        if self._decision is Decision.IN_FLIGHT:
            elapsed_s = claims.elapsed_s(self._scope, self._wall_ms())
            raise CallerFault(
                "The call with this idempotency key is still under way: repeat it later to learn what came of it.",
                code="idempotency_in_flight",
                status=409,
                retry_after_s=min(max(elapsed_s, SHORTEST_WAIT_S), LONGEST_WAIT_S),
            )
        return await self._replayed(claims.finished(self._scope), found)

    async def _replayed(self, known: ClaimRow, found: ClaimRow | None) -> Replay:
        """`found`: what the ledger said just now, if it was asked."""
        if known.status:
            journal = self._idempotency.journal
            row = found or await journal.claim(self._scope)
            if row is None or not row.status:  # written behind, a moment ago
                row = await journal.claim(self._scope, is_behind=True)
            if row is not None and row.status:
                return Replay(
                    status=row.status, outcome=row.outcome, content_type=row.content_type, body=row.reply, request_id=row.request_id
                )
        raise _finished(known.request_id)

    def keep(self, status: int, content_type: bytes, body: bytes) -> None:
        """Keep the whole reply for repetitions, if so configured. Not while the ledger is down: replies would pile up in memory."""
        rules = self._idempotency.rules
        if rules.keeps_replies and len(body) <= rules.max_reply_bytes and self._idempotency.journal.is_healthy:
            self._kept = status, content_type.decode("latin-1"), body

    def keep_failure(self, error: OmniError) -> None:
        protocol = self._call.protocol
        self.keep(client_status(error, protocol), b"application/json", error_body(error, protocol, error.request_id))

    def taken(self, request_id: str) -> ClaimRow:
        """To be on disk before anything is sent."""
        return self._row(request_id, ClaimState.TAKEN)

    def end(self, request_id: str, outcome: str, *, may_be_billed: bool) -> ClaimRow:
        """The call is over: the key is used up if anything may have been billed for it, else it is free. Once."""
        assert self._is_held, "an idempotency key was given back twice"
        self._is_held = False
        if not may_be_billed:
            self._idempotency.claims.release(self._scope)
            return self._row(request_id, ClaimState.FREE)
        row = self._row(request_id, ClaimState.FINISHED)
        if self._kept is not None:
            status, content_type, reply = self._kept
            row = msgspec.structs.replace(row, status=status, outcome=outcome, content_type=content_type, reply=reply)
        self._idempotency.claims.finish(row)
        return row

    def _row(self, request_id: str, state: ClaimState) -> ClaimRow:
        return ClaimRow(
            scope=self._scope,
            fingerprint=self._fingerprint,
            request_id=request_id,
            state=state,
            expires_wall_ms=self._expires_wall_ms,
        )

    def _wall_ms(self) -> int:
        return int(self._idempotency.clock.wall() * 1000)


def _finished(request_id: str) -> CallerFault:
    error = CallerFault(
        f"The call with this idempotency key has ended, and its reply is not kept: see request {request_id} in the ledger. "
        "To call again, use a new key.",
        code="idempotency_finished",
        status=409,
    )
    error.details = {ORIGINAL: request_id}
    return error
