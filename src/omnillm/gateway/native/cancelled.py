"""What a response costs that was cancelled while its provider wrote it in the background, and of which no usage is told.

Its prompt, what is shown of it, and what may have been written until then without being shown: as of a stream that its client has left
(decision 0024), but whether the model thinks or not, because nobody has seen any of it come. Whoever cancels it before it has begun pays
its prompt, because nobody tells of that either.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from omnillm.gateway.attempts.attempt import unseen_tokens
from omnillm.pricing.cost import Price, Units, bound
from omnillm.pricing.reference import BOUND, bounded
from omnillm.records import AttemptRow

_SHOWN: Final = {"response": "output", "interaction": "steps"}
"""What an answer calls itself, and the member that shows what was written of it."""


class Cancelled(NamedTuple):
    shown_bytes: int
    """Of its output: an upper bound of its tokens."""


def cancelled_of(told: Mapping[str, object]) -> Cancelled | None:
    """None: it is no response, or interaction, that was cancelled."""
    shown = _SHOWN.get(str(told.get("object")))
    if shown is None or told.get("status") != "cancelled":
        return None
    return Cancelled(len(msgspec.json.encode(told.get(shown))))


def most_of(cancelled: Cancelled, attempt: AttemptRow, price: Price, *, wall_ms: int) -> tuple[int, str]:
    """(nano-USD, the price's version) of what it can have used until `wall_ms`, when it is told of.

    `attempt`: as it was booked, by its bound.
    """
    prompt, completion, *units = map(int, attempt.price_version.partition(BOUND)[2].split("+"))
    open_s = max(wall_ms - attempt.wall_ms, 0) / 1000
    output = min(completion, cancelled.shown_bytes + unseen_tokens(open_s))
    return bound(prompt, output, price, Units(*units)), bounded(price.version, prompt, output, Units(*units))
