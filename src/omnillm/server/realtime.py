"""A live session of a client: the call made of its handshake (OpenAI) or of its first message (Gemini), and both sides joined.

With OpenAI's protocol the provider has opened the session before the client's handshake is answered, so that whatever goes wrong until
then is an HTTP error. Gemini's clients name their model in a message: they are answered first, and errors are a message and a close frame.
"""

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs

import msgspec
from websockets.frames import CloseCode

from omnillm.clock import Clock
from omnillm.errors import BadRequest, CallerFault, Forbidden, OmniError, ProviderError, Refused, RequestTimeout
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.faults import fault_of, report_defect
from omnillm.gateway.sessions.session import Session
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import RequestPeek
from omnillm.protocols.sessions.gemini_live import read_setup
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.server.authenticate import is_of_this_machine
from omnillm.server.front.handshake import upgrade_required
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.server.paths import Route
from omnillm.server.reply_fields import session_fields
from omnillm.server.request_fields import session_of, tags_of, timeout_s
from omnillm.server.wiring import Wiring
from omnillm.transport.websocket import Message, WebSocket

SETUP_S: Final = 10.0
"""How long the first message may take of a client that names its model in it."""
TALK, TRANSCRIPTION = "realtime", "transcription"
"""What a session of OpenAI's is for."""
WEBSOCKET_ONLY: Final = (
    "Sessions over WebRTC or SIP, and tokens for them, are not served, because nobody could meter them here: connect by WebSocket, "
    "with the virtual key, to /v1/realtime?model=NAME or Gemini's live path."
)
_OF_ERROR: Final = {
    "shutting_down": CloseCode.GOING_AWAY,
    "garbled_reply": CloseCode.BAD_GATEWAY,
}


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A handshake whose client is known."""

    request: Request
    route: Route
    caller: Caller
    wiring: Wiring
    clock: Clock

    def call(self, model: str, body: bytes = b"", *, intent: str = "") -> Call:
        """`body`: the first message, where a client must send one. `intent`: what OpenAI's session is for, if not to talk."""
        now, headers, provider = self.clock.now(), self.request.headers, self.route.provider
        patience_s = timeout_s(headers, self.wiring.deadline_s)
        return Call(
            provider=provider,
            version=intent,
            protocol=self.route.protocol,
            operation=self.route.operation,
            caller=self.caller,
            model=f"{provider}/{model}" if provider else model,
            is_stream=True,
            peek=RequestPeek(model=model, is_stream=True),
            body=body,
            headers=headers,
            started_at=now,
            wall=self.clock.wall(),
            deadline=now + patience_s,
            is_hurried=patience_s < self.wiring.deadline_s,
            session=session_of(headers),
            tags=tags_of(headers, self.caller),
            trace=self.request.trace,
        )


async def respond(opening: Opening, reply: Reply) -> None:
    request = opening.request
    if not request.accept:
        raise upgrade_required("This path is for WebSocket: connect with a client that speaks it.")
    _check_origin(request, opening.caller)
    if SESSIONS[opening.route.protocol.name].opens_with_message:
        await _respond_late(opening, reply.switch(b""))
        return
    model, intent = _asked(request.query)
    session = await opening.wiring.engine.converse(opening.call(model, intent=intent))
    try:
        await _join(session, reply.switch(session_fields(session, opening.wiring.alerts)))
    finally:
        session.close()


async def _respond_late(opening: Opening, socket: WebSocket) -> None:
    """The client says in its first message what it wants."""
    try:
        first = await _first(socket)
        if first is None:
            return
        session = await opening.wiring.engine.converse(opening.call(_named_model(first), first))
    except OmniError as error:
        _tell(socket, opening.route.protocol.name, error)
        return
    try:
        await _join(session, socket)
    finally:
        session.close()


async def _first(socket: WebSocket) -> bytes | None:
    try:
        async with asyncio.timeout(SETUP_S):
            message = await socket.read()
    except TimeoutError as error:
        raise RequestTimeout("The setup of the session did not come in time.") from error
    return None if message is None else message.data


async def _join(session: Session, socket: WebSocket) -> None:
    """Messages both ways until either side ends. A client that vanishes cancels the task that runs this."""
    socket.on_retire = session.retire
    listening = asyncio.get_running_loop().create_task(_listen(session, socket), name="session")
    try:
        while (message := await session.receive()) is not None:
            socket.write(message)
            await socket.drain()
        if listening.done():
            listening.result()  # a defect is told, not swallowed
        ended = session.ended
        if ended is not None and not ended.is_ours:
            socket.close(ended.code, ended.reason)
    except OmniError as error:
        _tell(socket, session.case.call.protocol.name, error)
    finally:
        listening.cancel()
        session.close(socket.ended)


async def _listen(session: Session, socket: WebSocket) -> None:
    try:
        with suppress(OmniError):  # `receive` raises the same, and the client is told
            while (message := await socket.read()) is not None:
                await session.send(message)
    finally:
        session.close(socket.ended)


def _tell(socket: WebSocket, protocol: str, error: OmniError) -> None:
    """Why the session ends, as a message of its protocol and as a close frame."""
    report_defect(error)
    code = close_code(error)
    if code != CloseCode.GOING_AWAY:
        fault = fault_of(error, error.status, error.request_id)
        socket.write(Message(SESSIONS[protocol].write_fault(fault)))
    socket.close(code, f"{error.code}: {error.message}")


def close_code(error: OmniError) -> int:
    """Of the end that an error makes: policy where the caller can do something about it, else ours."""
    if error.code in _OF_ERROR:
        return _OF_ERROR[error.code]
    is_policy = isinstance(error, Refused | CallerFault) or (isinstance(error, ProviderError) and error.status < 500)
    return CloseCode.POLICY_VIOLATION if is_policy else CloseCode.INTERNAL_ERROR


def _asked(query: str) -> tuple[str, str]:
    """(model, what the session is for, if not to talk)."""
    asked = parse_qs(query)
    if "call_id" in asked:
        raise Forbidden(WEBSOCKET_ONLY, code="webrtc_not_supported")
    intent = asked.get("intent", [TALK])[-1]
    if intent not in {TALK, TRANSCRIPTION}:
        raise BadRequest(f"A session is for {TALK} or for {TRANSCRIPTION}, and intent is {intent[:64]!r}.", code="invalid_value")
    model = (asked.get("model") or asked.get("deployment") or [""])[0]  # as Azure's older path names it
    if not model:
        also = f"&intent={TRANSCRIPTION}, NAME being the model that transcribes" if intent == TRANSCRIPTION else ""
        raise BadRequest(f"The request names no model: connect to /v1/realtime?model=NAME{also}.", code="missing_model")
    return model, "" if intent == TALK else intent


def _named_model(setup: bytes) -> str:
    members = read_members(setup)
    model, _ = read_setup(setup)
    if has_repeated_members(setup, members) or has_repeated_members(bytes(members["setup"]), read_members(bytes(members["setup"]))):
        raise BadRequest("A member stands twice in the setup; it must be unambiguous.", code="repeated_member")
    return model


def _check_origin(request: Request, caller: Caller) -> None:
    """Where nobody needs a key, any page that a browser shows could open sessions: only those of this machine may.

    That the page is of the same host is not enough: whoever owns a name can let it point here (DNS rebinding).
    """
    origin = request.headers.get(b"origin")
    if origin is not None and not caller.name and not is_of_this_machine(origin.decode("latin-1")):
        raise Forbidden("A page of another host may not open sessions without a virtual key.", code="foreign_origin")
