"""What a provider's silence, or a reply that breaks off or is none, is judged as."""

from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Failure


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
