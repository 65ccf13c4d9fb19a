"""What of an attempt stays charged in the provider's windows, by verdict."""

from omnillm.outcome import Verdict

# Providers count refused requests too, and what they count of an aborted one is theirs to say: only an attempt that never left is free.
STAYS_CHARGED: dict[Verdict, bool] = {
    Verdict.SUCCESS: True,
    Verdict.CALLER_FAULT: True,
    Verdict.ABORTED: True,
    Verdict.NOT_SENT: False,
    Verdict.STALE: True,
    Verdict.RATE_LIMITED: True,
    Verdict.QUOTA_EXHAUSTED: True,
    Verdict.KEY_DEAD: True,
    Verdict.DENIED: True,
    Verdict.NOT_FOUND: True,
    Verdict.OVERLOADED: True,
    Verdict.SERVER_FAULT: True,
    Verdict.TIMEOUT: True,
    Verdict.LOST: True,
}
"""True: its slot and its tokens stay charged, the tokens as reported, or else as reserved."""
