"""A whole reply that takes long to be translated: worked out beside the event loop, while its client may leave."""

from functools import partial

from msgspec.structs import replace

from omnillm.errors import UpstreamLost
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.no_reply import garbled
from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.case import Case
from omnillm.gateway.replies.answer import Answer
from omnillm.gateway.replies.reported import used
from omnillm.outcome import Verdict
from omnillm.protocols.bulk import check_reply
from omnillm.protocols.loss import joined
from omnillm.protocols.protocol import Failure
from omnillm.transport.room import Room


async def translated(case: Case, attempt: Attempt, bridged: Bridged, answer: Answer, room: Room) -> Answer | Failure:
    """The answer in the client's words. Its cost is known by now: whoever leaves meanwhile, or is refused, pays what it reports.

    While it waits it takes of the `room` of all replies. ReplyTooLarge: it holds more than is translated. Unavailable: too many wait.
    """
    bridge, body = case.bridge, answer.body
    assert bridge is not None
    assert body is not None
    unread = unreadable(case, attempt, answer)
    attempt.outcome = attempt.outcome_of(replace(unread, verdict=Verdict.ABORTED))
    check_reply(body)
    work = partial(bridge.reply, bridged, attempt.lease, case.request_id, body, answer.report.usage)
    try:
        room.take(len(body))
        answer.body, lost = await case.settlement.do_beside(work, case.call)
    except UpstreamLost:
        return unread
    finally:
        room.give_back(len(body))
    attempt.outcome = None
    case.losses = joined(bridged.reasons, lost)
    return answer


def unreadable(case: Case, attempt: Attempt, answer: Answer) -> Failure:
    """A whole reply that cannot be translated. Its provider bills it as any other."""
    usage, tokens = used(case, attempt, answer)
    return garbled() if tokens is None else replace(garbled(), usage=usage)
