"""What the gateway says of a call in the head of its reply: `x-omnillm-*`, and the caller's own `x-ratelimit-*`.

Those of an error stand in `problems.py`.
"""

from omnillm.admission.asks import Ticket
from omnillm.gateway.budgets.alerts import BudgetAlerts
from omnillm.gateway.case import Case
from omnillm.gateway.idempotency import Replay
from omnillm.gateway.replies.relay import Relay
from omnillm.gateway.sessions.session import Session
from omnillm.money import format_usd
from omnillm.protocols.loss import short_form
from omnillm.protocols.protocol import Protocol
from omnillm.providers.heads import reply_fields


def call_fields(relay: Relay, alerts: BudgetAlerts, *, with_cost: bool) -> bytes:
    """Of an inference call, behind what its client may see of the provider's own. `with_cost`: of a plain reply, whose cost is known."""
    case = relay.case
    call, ticket, lease = case.call, case.ticket, case.last_lease
    protocol, request_id = call.protocol, case.request_id
    own = (
        f"{protocol.request_id_field}: {request_id}\r\nx-omnillm-request-id: {request_id}\r\nx-omnillm-provider: {lease.provider}\r\n"
        f"x-omnillm-model: {lease.model}\r\nx-omnillm-key: {lease.key}\r\nx-omnillm-attempts: {case.attempts}\r\n"
    )
    if with_cost:
        own += f"x-omnillm-cost-usd: {format_usd(case.cost_nanousd)}\r\n"
    if case.losses:
        own += f"x-omnillm-loss: {short_form(case.losses)}\r\n"
    if alerts.reached and (warned := alerts.header(call.caller.budgets)):
        own += f"x-omnillm-budget-warning: {warned}\r\n"
    if ticket is not None and (ticket.requests_limit or ticket.tokens_limit):
        own += _left(ticket)
    return reply_fields(relay.upstream_headers, is_native=protocol.is_native_only) + own.encode()


def replay_fields(replay: Replay, protocol: Protocol) -> bytes:
    """Of a reply that is told again."""
    retry = "x-should-retry: false\r\n" if replay.status >= 400 else ""
    content_type = f"content-type: {replay.content_type}\r\n" if replay.content_type else ""
    return (
        f"{content_type}{retry}{_names(protocol, replay.request_id)}"
        f"x-omnillm-original-request-id: {replay.request_id}\r\nx-omnillm-idempotent-replay: true\r\nx-omnillm-cost-usd: 0\r\n"
    ).encode()


def native_fields(case: Case, alerts: BudgetAlerts) -> bytes:
    """Of a native call, without the provider's own fields."""
    lease = case.last_lease
    own = (
        f"{_names(case.call.protocol, case.request_id)}x-omnillm-provider: {lease.provider}\r\nx-omnillm-key: {lease.key}\r\n"
        f"x-omnillm-attempts: {case.attempts}\r\n"
    )
    if case.is_closed:
        own += f"x-omnillm-cost-usd: {format_usd(case.cost_nanousd)}\r\n"
    return (own + _of_caller(case, alerts)).encode()


def session_fields(session: Session, alerts: BudgetAlerts) -> bytes:
    """Of the 101 that begins a live session."""
    case, lease = session.case, session.attempt.lease
    return (
        f"x-omnillm-request-id: {case.request_id}\r\nx-omnillm-provider: {lease.provider}\r\nx-omnillm-model: {lease.model}\r\n"
        f"x-omnillm-key: {lease.key}\r\nx-omnillm-attempts: {case.attempts}\r\n" + _of_caller(case, alerts)
    ).encode()


def _names(protocol: Protocol, request_id: str) -> str:
    """The call's id where SDKs look for it, and where everybody does."""
    return f"{protocol.request_id_field}: {request_id}\r\nx-omnillm-request-id: {request_id}\r\n"


def _of_caller(case: Case, alerts: BudgetAlerts) -> str:
    """As `call_fields` has it in line, which stands on the path of every call."""
    warned, ticket = alerts.header(case.call.caller.budgets), case.ticket
    own = f"x-omnillm-budget-warning: {warned}\r\n" if warned else ""
    return own + _left(ticket) if ticket is not None and (ticket.requests_limit or ticket.tokens_limit) else own


def _left(ticket: Ticket) -> str:
    return (
        f"x-ratelimit-limit-requests: {ticket.requests_limit}\r\nx-ratelimit-remaining-requests: {ticket.requests_left}\r\n"
        f"x-ratelimit-limit-tokens: {ticket.tokens_limit}\r\nx-ratelimit-remaining-tokens: {ticket.tokens_left}\r\n"
    )
