"""What a Python user asks for, as the `Call` that the engine serves."""

from msgspec.structs import replace

from omnillm.assemble import Program
from omnillm.endpoints.api import ApiRequest
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import BadRequest, ProtocolError
from omnillm.gateway.call import Call, Caller, affinity_of, read_idempotency_key
from omnillm.library import families
from omnillm.library.arguments import check_text, encoded, ledger_text
from omnillm.library.current_span import current_span
from omnillm.library.primitive import PrimitiveRequest, body_of, check_request, unknown_provider
from omnillm.library.realtime import read_opening
from omnillm.model.message import Message
from omnillm.model.request import LlmRequest
from omnillm.protocols import canonical
from omnillm.protocols.codecs import CODECS
from omnillm.protocols.members import read_members, with_model
from omnillm.protocols.outline import outline
from omnillm.protocols.protocol import Members, Protocol, RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.families import FAMILIES
from omnillm.providers.paths import REALTIME


class Calls:
    """Makes them with the program's present configuration. BadRequest, ProtocolError: what is asked cannot be a call."""

    def __init__(self, program: Program, caller: Caller) -> None:
        self._program = program
        self._caller = caller

    def canonical(self, request: LlmRequest, session: str, tags: str, idempotency_key: str, *, is_stream: bool) -> Call:
        _check(request)
        body = encoded(replace(request, is_stream=is_stream))
        raw = PrimitiveRequest(session=session, tags=tags, idempotency_key=idempotency_key)
        return self._made(raw, body, canonical.PROTOCOL, read_members(body), is_stream=is_stream)

    def family(self, request: ApiRequest, session: str, tags: str) -> Call:
        written = families.write(request)
        spoken = FORMATS[written.wire_format]
        headers = {"accept": families.accepted(request)}
        raw = PrimitiveRequest(body=written.body, operation=spoken.operation, headers=headers, session=session, tags=tags)
        call = self._made(raw, written.body, spoken.protocol, written.members, is_stream=families.is_stream(request))
        return replace(call, form=written.form)

    def of(self, request: LlmRequest | ApiRequest) -> Call:
        """A request in canonical words, for an estimate."""
        if isinstance(request, ApiRequest):
            return self.family(request, "", "")
        return self.canonical(request, "", "", "", is_stream=False)

    async def raw(self, request: PrimitiveRequest, *, is_stream: bool | None) -> Call:
        """A raw request. `is_stream`: what the method that was called returns; None: as the body says."""
        self._check_provider(request)
        if request.operation not in FAMILIES:
            return self._generation(request, is_stream=is_stream)
        written = await families.read(request, self._program.dice)
        protocol = FORMATS[written.wire_format].protocol
        call = self._made(request, written.body, protocol, written.members, is_stream=False)
        return replace(call, is_stream=call.peek.is_stream, form=written.form)

    def _generation(self, request: PrimitiveRequest, *, is_stream: bool | None) -> Call:
        protocol = self._protocol_of(request)
        if protocol.is_native_only and not request.path:
            message = f"{protocol.name} is asked by path: give one (/model/...), use call and stream, or give the body in another protocol."
            raise ProtocolError(message, reason="unsupported_wire_format")
        body = body_of(request)
        members = read_members(body)
        peek = protocol.peek_request(members)
        if is_stream is None:
            is_stream = peek.is_stream
        if peek.is_stream and not is_stream:
            raise BadRequest("The body asks for a stream: use primitive_stream.", code="wrong_stream_mode")
        if is_stream and not peek.is_stream and peek.model:
            raise BadRequest('The body does not ask for a stream: set "stream": true, or use primitive_call.', code="wrong_stream_mode")
        return self._made(request, body, protocol, members, is_stream=is_stream)

    def session(self, request: PrimitiveRequest, transport: str) -> Call:
        """The opening of a live session."""
        check_request(request)
        self._check_provider(request)
        protocol = self._protocol_of(request)
        model = read_opening(request, protocol.name, transport)
        return self._made(replace(request, operation=REALTIME, model=model), body_of(request), protocol, {}, is_stream=True)

    def _check_provider(self, request: PrimitiveRequest) -> None:
        if request.provider and request.provider not in self._program.endpoints:
            raise unknown_provider(self._program.endpoints)

    def _made(self, request: PrimitiveRequest, body: bytes, protocol: Protocol, members: Members, *, is_stream: bool) -> Call:
        program, is_session = self._program, request.operation == REALTIME
        named = with_model(members, request.model if request.provider and not protocol.is_native_only else "")
        peek = RequestPeek(model=request.model) if is_session else protocol.peek_request(named)
        model = request.model or peek.model
        if not model:
            raise BadRequest("The request names no model: set its `model`.", code="missing_model")
        key, session = request.idempotency_key, ledger_text(request.session, "session")
        route = f"{protocol.name}/{request.operation}" if key else ""
        now = program.clock.now()
        return Call(
            protocol=protocol,
            operation=request.operation,
            caller=self._caller,
            model=f"{request.provider}/{model}" if request.provider else model,
            provider=request.provider,
            is_stream=is_stream,
            peek=peek,
            members=members,
            body=body,
            # the canonical words are weighed as each target is told them
            outline=None if protocol.family or protocol is canonical.PROTOCOL else outline(members, body),
            headers=request.wire_headers(),
            started_at=now,
            wall=program.clock.wall(),
            deadline=now + program.settings.calls.deadline_s,
            session=session,
            affinity=affinity_of(program.settings.calls.affinity, session, members),
            tags=ledger_text(request.tags, "tags"),
            trace=current_span() if program.is_traced else None,
            idempotency_key=read_idempotency_key(check_text(key, "idempotency_key"), route) if key else None,
        )

    def _protocol_of(self, request: PrimitiveRequest) -> Protocol:
        """The protocol that the request names, or its provider's own. ProtocolError: there is none of that name."""
        endpoints = self._program.endpoints
        name = request.protocol or endpoints[request.provider or next(iter(endpoints))].protocols[0]
        return PROTOCOLS.get(name) or PROTOCOLS[CODECS[name].name]


def _check(request: LlmRequest) -> None:
    """Refuse wrong types in Python's words, before the JSON decoder would in its own."""
    if not isinstance(request, LlmRequest):
        raise TypeError(f"this takes an LlmRequest, not a {type(request).__name__}; for a provider's own JSON there is primitive_call")
    given: object = request.input
    if isinstance(given, str | Message):
        words = f'`input` must be a tuple of messages, such as (user("Hello"),), not a {type(given).__name__}.'
        raise BadRequest(words, code="invalid_value")
