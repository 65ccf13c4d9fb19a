"""An inference request becomes a `Call`, and the pieces of its relay become the reply."""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from omnillm.clock import Clock
from omnillm.errors import BadRequest, CallerFault, OmniError
from omnillm.gateway.budgets.alerts import BudgetAlerts
from omnillm.gateway.call import Call, Caller, IdempotencyKey, affinity_of, read_idempotency_key
from omnillm.gateway.faults import client_status, fault_of, report_defect
from omnillm.gateway.form import Form
from omnillm.gateway.replies.relay import Relay
from omnillm.protocols.bulk import LARGE_BODY, check_shape
from omnillm.protocols.members import read_members, with_model
from omnillm.protocols.outline import outline
from omnillm.protocols.protocol import RequestPeek
from omnillm.providers.passing import Fields, tellable
from omnillm.providers.paths import COUNT_TOKENS
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.server.paths import Route, without_prefix
from omnillm.server.reply_fields import call_fields, replay_fields
from omnillm.server.request_fields import session_of, tags_of, timeout_s
from omnillm.server.wiring import Wiring

UNREAD: Final = RequestPeek(model="")
"""Of a body that has not come yet."""
NOBODY: Final = Caller()
"""In the place of the caller, in what callers share."""


class CallHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the head of an inference request says of its call: of every call that comes with it under one configuration and caller.

    It bears no credential: the call's headers are those that a provider may be told, and of the secret there is only a digest.
    """

    wiring: Wiring
    credential: bytes
    """The digest of what the request bears."""
    caller: Caller
    call: Call
    """All of it but its caller, its times and what its body says. One object for all callers that nothing else tells apart."""
    named: str
    """The model that is peeked where the path names it and the body need not."""
    is_by_prefix: bool
    """Calls with the same beginning prefer the same key."""
    timeout_s: float

    def __repr__(self) -> str:
        """Without what it is made under, and without the digest."""
        return f"CallHead({self.call.protocol.name} for {self.caller.name!r})"

    @property
    def is_keepable(self) -> bool:
        """Whether it may come again: a form's call has the form, and an idempotency key is of one call."""
        return self.call.form is None and self.call.idempotency_key is None


def read_call_head(request: Request, route: Route, caller: Caller, wiring: Wiring, credential: bytes) -> CallHead:
    """Before the body comes. BadRequest: a field asks for what cannot be."""
    headers = request.headers
    if route.provider:
        wiring.endpoints[route.provider].check_request(headers, route.location)
    session = session_of(headers)
    fields, tags = tellable(headers, wiring.passed), tags_of(headers, caller)
    call = (_shared if fields.is_shared and not session else _call)(route, fields, session, wiring.affinity, tags)
    patience_s = timeout_s(headers, wiring.deadline_s)
    if b"idempotency-key" in headers or route.is_form or patience_s < wiring.deadline_s:
        call = replace(
            call,
            is_hurried=patience_s < wiring.deadline_s,
            idempotency_key=_idempotency_key(request, route) if b"idempotency-key" in headers else None,
            form=request.sink if isinstance(request.sink, Form) else None,
        )
    return CallHead(
        wiring=wiring,
        credential=credential,
        caller=caller,
        call=call,
        named=route.model if route.provider and not route.protocol.is_native_only else "",
        is_by_prefix=wiring.affinity == "prefix",
        timeout_s=patience_s,
    )


def _call(route: Route, headers: Fields, session: str, affinity: str, tags: str) -> Call:
    return Call(
        provider=route.provider,
        version=route.version,
        protocol=route.protocol,
        operation=route.operation,
        caller=NOBODY,
        model=route.model,
        is_stream=route.is_stream,
        peek=UNREAD,
        headers=headers,
        started_at=0.0,
        wall=0.0,
        deadline=0.0,
        session=session,
        affinity=affinity_of(affinity, session, {}),
        tags=tags,
    )


_shared = lru_cache(maxsize=1024)(_call)
"""One object for all that are equal: when thousands of callers alternate, each call finds it in the processor's cache."""


def read_call(request: Request, head: CallHead, clock: Clock) -> Call:
    """Decode and peek the body once; anything wrong with it is a BadRequest that names the member."""
    now = clock.now()
    call, body = head.call, request.body
    if call.form is None:
        if len(body) > LARGE_BODY:  # asked here, too, because a call of a function costs more
            check_shape(body)
        try:
            members = read_members(body)
        except BadRequest:
            _check_uncompressed(request.headers)
            raise
    else:
        members, body = call.form.members, call.form.digest
    peek = call.protocol.peek_request(with_model(members, head.named) if head.named else members)
    model = call.model or peek.model
    return replace(
        call,
        caller=head.caller,
        model=f"{call.provider}/{model}" if call.provider else model,
        is_stream=call.is_stream or peek.is_stream,
        peek=peek,
        members=members,
        body=body,
        outline=None if call.protocol.family else outline(members, body),
        started_at=now,
        wall=clock.wall(),
        deadline=now + head.timeout_s,
        affinity=affinity_of("prefix", "", members) if head.is_by_prefix else call.affinity,
        trace=request.trace,
    )


def _check_uncompressed(headers: dict[bytes, bytes]) -> None:
    """CallerFault 415: the body that could not be read is compressed."""
    coding = headers.get(b"content-encoding", b"").decode("latin-1")
    if coding.strip().lower() not in {"", "identity"}:
        raise CallerFault(
            f"The request body is compressed (content-encoding: {coding[:32]}); send it as it is.", code="compressed_body", status=415
        )


def _idempotency_key(request: Request, route: Route) -> IdempotencyKey | None:
    """None for a count of tokens, too: that is free, however often it is repeated."""
    if route.operation == COUNT_TOKENS:
        return None
    return read_idempotency_key(request.headers[b"idempotency-key"].decode("latin-1"), without_prefix(request.path))


async def respond(call: Call, wiring: Wiring, reply: Reply) -> None:
    """Serve one call. The relay is closed however this ends; a client that hangs up cancels the task that runs this."""
    relay = await wiring.engine.serve(call)
    if not isinstance(relay, Relay):  # asked for the usual case: isinstance against another Struct is ten times as slow when it is false
        reply.send(relay.status, replay_fields(relay, call.protocol), relay.body)
        return
    try:
        if relay.whole is not None:
            reply.send(200, call_fields(relay, wiring.alerts, with_cost=True), relay.whole)
        else:
            await _stream(relay, reply, wiring.alerts)
    except BaseException as error:
        relay.case.raise_defect(error)
        raise
    finally:
        relay.close()


async def _stream(relay: Relay, reply: Reply, alerts: BudgetAlerts) -> None:
    """Whole events, as they came. A fault after the first becomes an error event of the client's protocol, never success framing."""
    protocol = relay.case.call.protocol
    try:
        piece = await relay.read()
        reply.start(200, call_fields(relay, alerts, with_cost=False))
        outlet = reply.outlet()
        while not relay.is_read:
            reply.write(piece)
            await reply.drain()
            piece = await relay.read(outlet)
    except OmniError as error:
        if not reply.is_started:
            raise
        report_defect(error)
        if relay.is_raw:
            reply.abort()
            return
        if relay.response_id:
            error.details = {**error.details, "response_id": relay.response_id}
        fault = fault_of(error, client_status(error, protocol), relay.case.request_id)
        piece = protocol.write_stream_fault(fault, relay.next_sequence)
    reply.end(piece)
