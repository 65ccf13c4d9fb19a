"""A whole reply that takes long to be translated: worked out beside the event loop, while its client may leave."""

from functools import partial

from msgspec.structs import replace

from omnillm.errors import UpstreamLost
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.no_reply import garbled
from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.case import Case
from omnillm.outcome import Verdict
from omnillm.protocols.bulk import check_reply
from omnillm.protocols.loss import joined
from omnillm.protocols.protocol import Failure, ReplyPeek
from omnillm.transport.room import Room


async def translated(case: Case, attempt: Attempt, bridged: Bridged, body: bytes, peek: ReplyPeek, room: Room) -> bytes | Failure:
    """It in the client's words. Its cost is known by now: whoever leaves meanwhile, or is refused, pays what it reports.

    While it waits it takes of the `room` of all replies. ReplyTooLarge: it holds more than is translated. Unavailable: too many wait.
    """
    bridge, settlement = case.bridge, case.settlement
    assert bridge is not None
    unread = replace(garbled(), usage=peek.usage)
    case.served_under(attempt, peek.tier)
    attempt.outcome = attempt.outcome_of(replace(unread, verdict=Verdict.ABORTED))
    check_reply(body)
    work = partial(bridge.reply, bridged, attempt.lease, case.request_id, body, peek.usage)
    try:
        room.take(len(body))
        reply, lost = await settlement.beside.do(work, case.call.deadline - settlement.now())
    except UpstreamLost:
        return unread
    finally:
        room.give_back(len(body))
    attempt.outcome = None
    case.losses = joined(bridged.reasons, lost)
    return reply
