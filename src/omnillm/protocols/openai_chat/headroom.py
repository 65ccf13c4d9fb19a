"""The `x-ratelimit-*` headers of OpenAI, Azure, Groq and most compatible hosts."""

from collections.abc import Mapping

from omnillm.outcome import Headroom
from omnillm.protocols.hints import duration_s, int_or_none

# OpenAI's buckets, and those that Cerebras and SambaNova count by the minute, the hour and the day.
_BUCKETS = (
    b"requests",
    b"tokens",
    b"project-tokens",
    *(what + span for what in (b"requests", b"tokens") for span in (b"-minute", b"-hour", b"-day")),
)


def read_headroom(headers: Mapping[bytes, bytes], wall: float) -> Headroom | None:  # noqa: ARG001 - their resets are durations
    """What the headers say; None when they say nothing of what is left."""
    get = headers.get
    requests_left, tokens_left = get(b"x-ratelimit-remaining-requests"), get(b"x-ratelimit-remaining-tokens")
    if requests_left is None and tokens_left is None:
        return None
    return Headroom(
        requests_left=int_or_none(requests_left),
        requests_reset_s=duration_s(get(b"x-ratelimit-reset-requests")),
        tokens_left=int_or_none(tokens_left),
        tokens_reset_s=duration_s(get(b"x-ratelimit-reset-tokens")),
    )


def exhausted_reset_s(headers: Mapping[bytes, bytes]) -> float | None:
    """Seconds until every bucket that has nothing left is full again; None when none is empty or their resets are unknown."""
    waits = [
        duration_s(headers.get(b"x-ratelimit-reset-" + bucket))
        for bucket in _BUCKETS
        if int_or_none(headers.get(b"x-ratelimit-remaining-" + bucket)) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)
