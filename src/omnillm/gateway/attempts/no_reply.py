"""How an attempt is judged that got no proper reply: silence, a broken connection, or bytes that are not of the protocol."""

import msgspec

from omnillm.errors import NotSent, OmniError, ReplyTooLarge, StaleConnection, Unavailable, UpstreamLost, UpstreamTimeout
from omnillm.gateway.attempts.upstream import KeyGone
from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Failure
from omnillm.transport.client import Exchange

ERROR_BODY_LIMIT = 1024 * 1024

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
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
        try:
            raise error
        finally:
            del error  # else its traceback holds this frame, and this frame it, with all that has come, until a collection
    return Failure(verdict=TRANSPORT_VERDICTS[type(error)], status=0, code=error.code, message=error.message)


def verdict_within(error: Unavailable) -> Verdict:
    """What it says of the key that its reply broke off. Nothing, where the gateway itself ends, or the reply is longer than is taken."""
    if isinstance(error, UpstreamTimeout):
        return Verdict.TIMEOUT
    return Verdict.LOST if isinstance(error, UpstreamLost) and error.code != ReplyTooLarge.code else Verdict.ABORTED


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


def tells_its_end(body: bytes) -> bool:
    """Whether a reply that is complete says so by itself, as JSON does, and plain text (subtitles) does not."""
    return body.lstrip()[:1] == b"{"


def holds_no_error(body: bytes) -> bool:
    """Whether a reply that is no generation (a count of tokens) is a JSON object, and not an error."""
    try:
        return "error" not in _object(body)
    except UNREADABLE:
        return False


async def read_error(exchange: Exchange) -> bytes:
    """What can be read of an error's body: its status counts whether or not that is all of it, and is billed by nobody."""
    try:
        return await exchange.read_all(ERROR_BODY_LIMIT)
    except (UpstreamLost, UpstreamTimeout):
        return b""
