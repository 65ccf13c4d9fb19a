"""A native reply on its way to the client: JSON whole, up to a mebibyte, so that what it made is known before anybody can ask for it."""

from typing import Final

import msgspec

from omnillm.admission.asks import Lease
from omnillm.errors import OmniError, UpstreamLost, UpstreamTimeout
from omnillm.gateway.case import ABORTED, CLIENT_CLOSED, SUCCESS, Case
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import Asked, id_member, made
from omnillm.transport.client import Exchange
from omnillm.transport.spool import MEMORY_BYTES
from omnillm.usage import NO_USAGE, Usage

JSON: Final = b"application/json"


class NativeRelay:
    """`whole` is a reply that was read to its end; any other is read piece by piece. Whoever opens a relay closes it."""

    __slots__ = ("_asked", "_endpoint", "_exchange", "_held", "_is_settled", "case", "headers", "lease", "status", "whole")

    def __init__(self, case: Case, asked: Asked, endpoint: Endpoint, exchange: Exchange) -> None:
        assert case.attempt is not None
        case.is_handed_over = True
        self.case = case
        self.lease: Lease = case.attempt.lease
        self.status = exchange.status
        self.headers = exchange.headers
        self.whole: bytes | None = None
        self._asked = asked
        self._endpoint = endpoint
        self._exchange = exchange
        self._held: list[bytes] = []
        self._is_settled = False

    @classmethod
    async def open(cls, case: Case, asked: Asked, endpoint: Endpoint, exchange: Exchange) -> "NativeRelay":
        relay = cls(case, asked, endpoint, exchange)
        if exchange.headers.get(b"content-type", b"").startswith(JSON):
            await relay._hold()
        return relay

    async def _hold(self) -> None:
        size = 0
        while size <= MEMORY_BYTES:
            piece = await self._next()
            if not piece:
                self.whole = b"".join(self._held)
                self._succeed(self.whole)
                return
            self._held.append(piece)
            size += len(piece)

    async def read(self) -> bytes:
        """The next piece; b"" is the complete end. Raises UpstreamLost or UpstreamTimeout when it is cut."""
        if self._held:
            return self._held.pop(0)
        piece = await self._next()
        if not piece:
            self._succeed(b"")
        return piece

    async def _next(self) -> bytes:
        try:
            return await self._exchange.read()
        except UpstreamTimeout as error:
            raise self._fail(Verdict.TIMEOUT, error) from None
        except UpstreamLost as error:
            raise self._fail(Verdict.LOST, error) from None

    def close(self) -> None:
        """The client is served or gone."""
        if not self._is_settled:
            self._is_settled = True
            self.case.close(status=CLIENT_CLOSED, outcome=ABORTED)

    def _succeed(self, body: bytes) -> None:
        self._is_settled = True
        case, upstream_headers = self.case, self.headers
        reply = _decoded(body)
        usage = None if self._asked.operation.metering.is_free else usage_of(self._endpoint, body)
        bound = dict.fromkeys(made(self._asked.operation, reply, id_member(self._endpoint)))
        if bound:
            case.bind(self.lease, tuple(bound))
        headroom = PROTOCOLS[self._endpoint.protocols[0]].read_headroom(upstream_headers, case.call.wall)
        outcome = Outcome(verdict=Verdict.SUCCESS, usage=usage or NO_USAGE, is_usage_known=usage is not None, headroom=headroom)
        case.end(outcome, status=self.status)
        case.close(status=self.status, outcome=SUCCESS)

    def _fail(self, verdict: Verdict, error: OmniError) -> OmniError:
        self._is_settled = True
        case = self.case
        error.request_id, error.attempts = case.request_id, case.attempts
        case.end(Outcome(verdict=verdict), status=self.status, error=error.code)
        case.close(status=error.status, outcome=error.code)
        return error


def usage_of(endpoint: Endpoint, body: bytes) -> Usage | None:
    """What a reply says of tokens, in the words of a protocol that the provider speaks."""
    for name in endpoint.protocols:
        usage = PROTOCOLS[name].peek_reply(body).usage
        if usage is not None:
            return usage
    return None


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body) if body else None
    except UNREADABLE:
        return None
