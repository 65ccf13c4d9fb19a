"""What a provider's silence, or a reply that breaks off or is none, is judged as."""

from omnillm.errors import NotSent, OmniError, ReplyTooLarge, StaleConnection, UpstreamLost, UpstreamTimeout
from omnillm.gateway.attempts.upstream import KeyGone
from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Failure

TRANSPORT_VERDICTS: dict[type[OmniError], Verdict] = {
    KeyGone: Verdict.ABORTED,
    NotSent: Verdict.NOT_SENT,
    StaleConnection: Verdict.STALE,
    UpstreamLost: Verdict.LOST,
    UpstreamTimeout: Verdict.TIMEOUT,
}


def failure_of(error: UpstreamLost | UpstreamTimeout) -> Failure:
    """What an error of the transport is judged as. Raises it where nobody could do better.

    A reply that is too long is what its caller has asked for: no key is to rest for it, and again it would be as long, and billed.
    """
    if isinstance(error, ReplyTooLarge):
        raise error
    return Failure(verdict=TRANSPORT_VERDICTS[type(error)], status=0, code=error.code, message=error.message)


def garbled() -> Failure:
    return Failure(
        verdict=Verdict.SERVER_FAULT, status=200, code="garbled_reply", message="The provider's reply is not one of its protocol."
    )


def cut() -> Failure:
    return Failure(verdict=Verdict.LOST, status=200, code="stream_cut", message="The provider's stream ended before it was complete.")


def late() -> Failure:
    return Failure(
        verdict=Verdict.TIMEOUT, status=200, code="upstream_timeout", message="The provider did not answer in time (first event)."
    )
