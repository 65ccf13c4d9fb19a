"""What of an attempt stays charged in the provider's windows, by verdict."""

from typing import NamedTuple

from omnillm.outcome import Verdict


class Charge(NamedTuple):
    """True: stays charged. Tokens are then the usage that was reported, or else the reservation."""

    slot: bool
    tokens: bool


ALL = Charge(slot=True, tokens=True)
NOTHING = Charge(slot=False, tokens=False)

# Providers count refused requests too, and what they count of an aborted one is theirs to say: only an attempt that never left is free.
CHARGES: dict[Verdict, Charge] = {
    Verdict.SUCCESS: ALL,
    Verdict.CALLER_FAULT: ALL,
    Verdict.ABORTED: ALL,
    Verdict.NOT_SENT: NOTHING,
    Verdict.STALE: ALL,
    Verdict.RATE_LIMITED: ALL,
    Verdict.QUOTA_EXHAUSTED: ALL,
    Verdict.KEY_DEAD: ALL,
    Verdict.DENIED: ALL,
    Verdict.NOT_FOUND: ALL,
    Verdict.OVERLOADED: ALL,
    Verdict.SERVER_FAULT: ALL,
    Verdict.TIMEOUT: ALL,
    Verdict.LOST: ALL,
}
