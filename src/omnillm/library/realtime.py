"""Live sessions in the library: messages of the provider's own protocol in both directions."""

from collections.abc import Mapping
from typing import Any

import msgspec

from omnillm.errors import BadRequest, Forbidden, ProviderError, UpstreamLost
from omnillm.gateway.sessions.session import Session
from omnillm.library.arguments import check_kind, encoded
from omnillm.library.primitive import PrimitiveRequest, body_of
from omnillm.library.streams import OneReader
from omnillm.money import format_usd
from omnillm.protocols.sessions.gemini_live import read_setup
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.transport.websocket import Message
from omnillm.usage import Usage

WEBSOCKET = "websocket"


class RealtimeMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the provider, as it came."""

    raw: bytes
    is_text: bool = True

    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    def text(self) -> str:
        return self.raw.decode()


class RealtimeSession:
    """`async for message in session` beside any number of `await session.send(...)`; `close()` hangs up, and so does leaving the block.

    The iteration ends when either side has said farewell, and raises when the session broke off or may go on no longer. `usage` and
    `cost_usd` are of what the provider has reported so far, and final once the session is over.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._one_reader = OneReader()

    async def send(self, message: Mapping[str, Any] | str | bytes) -> None:
        """A mapping goes as JSON, a text as it is, bytes as a binary message. Waits for room; raises what ended the session.

        UpstreamLost: the provider has ended it, however well; RuntimeError: it was closed here.
        """
        check_kind(message, Mapping | str | bytes, "a message must be a mapping, a str or bytes")
        self._check_open()
        if isinstance(message, bytes):
            await self._session.send(Message(message, is_text=False))
        else:
            await self._session.send(Message(message.encode() if isinstance(message, str) else encoded(message)))

    def __aiter__(self) -> "RealtimeSession":
        return self

    async def __anext__(self) -> RealtimeMessage:
        with self._one_reader:
            message = await self._session.receive()
        if message is None:
            self._check_farewell()
            raise StopAsyncIteration
        return RealtimeMessage(raw=message.data, is_text=message.is_text)

    def close(self) -> None:
        """Hang up in good order; the session is settled at once. Idempotent."""
        self._session.close()

    def _check_open(self) -> None:
        session, ended = self._session, self._session.ended
        if ended is None or session.failure is not None:  # which the session raises itself
            return
        if ended.is_ours:
            raise RuntimeError("this session is closed")
        error = UpstreamLost(f"The provider has ended the session with {ended.code}: nothing can be sent any more.")
        error.note_call(self.request_id, self.attempts)
        raise error

    def _check_farewell(self) -> None:
        session, ended = self._session, self._session.ended
        if ended is None or ended.is_ours or ended.is_orderly:
            return
        failure = session.protocol.read_end(ended.code, ended.reason)
        raise ProviderError(
            f"The provider ended the session with {ended.code}: {ended.reason or failure.code}",
            status=failure.status,
            provider=self.provider,
            protocol=session.protocol.name,
            code=failure.code,
            raw_body=b"",
        )

    @property
    def close_code(self) -> int:
        """The code of the close frame that ended it, the provider's or ours; 0: it is open, 1006: it broke off."""
        ended = self._session.ended
        return 0 if ended is None else ended.code

    @property
    def usage(self) -> Usage:
        return self._session.usage

    @property
    def cost_nanousd(self) -> int:
        return self._session.cost_nanousd

    @property
    def cost_usd(self) -> str:
        """Exact decimal USD."""
        return format_usd(self.cost_nanousd)

    @property
    def request_id(self) -> str:
        return self._session.case.request_id

    @property
    def provider(self) -> str:
        return self._session.attempt.lease.provider

    @property
    def model(self) -> str:
        """The provider's own name of the model."""
        return self._session.attempt.lease.model

    @property
    def key(self) -> str:
        """Label of the provider key that it is held with."""
        return self._session.attempt.lease.key

    @property
    def attempts(self) -> int:
        return self._session.case.attempts


def read_opening(request: PrimitiveRequest, protocol: str, transport: str) -> str:
    """The model of a session that is asked for. BadRequest or Forbidden: it cannot be held."""
    if transport != WEBSOCKET:
        refusal = f"Sessions over {transport[:32]} are not served, because nobody could meter them here: use websocket."
        raise Forbidden(refusal, code="webrtc_not_supported")
    if protocol not in SESSIONS:
        raise BadRequest(f"There are no live sessions in {protocol}, only in {', '.join(SESSIONS)}.", code="unsupported_protocol")
    if SESSIONS[protocol].opens_with_message:
        return request.model or read_setup(body_of(request))[0]
    if not request.model:
        raise BadRequest("The request names no model.", code="missing_model")
    return request.model
