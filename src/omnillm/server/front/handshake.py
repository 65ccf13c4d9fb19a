"""A WebSocket's opening handshake, as a client of ours begins it (RFC 6455, 4.2). Checked here; the frames are `transport/websocket.py`'s.

Browsers can set no header: OpenAI's client puts its key, and whatever else would be one, among the subprotocols that it offers.
"""

from typing import Final

from omnillm.errors import BadRequest, OmniError
from omnillm.server.front.requests import Request
from omnillm.transport.handshake import VERSION, accept_of, is_key, is_websocket, tokens

PROTOCOL: Final = b"realtime"
KEY_PREFIX: Final = b"openai-insecure-api-key."
BETA_PREFIX: Final = b"openai-beta."


def note_credential(request: Request) -> None:
    """Put what a browser said in subprotocols where it is looked for; a field that is there already wins."""
    if not is_websocket(request.headers):
        return
    headers = request.headers  # its own: what offers an upgrade is never known again
    for offer in tokens(headers, b"sec-websocket-protocol"):
        if offer.startswith(KEY_PREFIX):
            headers.setdefault(b"authorization", b"Bearer " + offer[len(KEY_PREFIX) :])
        elif offer.startswith(BETA_PREFIX):
            headers.setdefault(b"openai-beta", offer[len(BETA_PREFIX) :].replace(b"realtime-", b"realtime="))
        elif offer == PROTOCOL:
            request.subprotocol = PROTOCOL


def answer_upgrade(request: Request) -> None:
    """Decide what a handshake will be answered with. Raises 400, 426 or, where the path takes none, 501."""
    if not is_websocket(request.headers):
        return
    if not request.takes_websocket:
        raise OmniError("WebSocket is not served on this path.", code="websocket_not_implemented", status=501)
    headers = request.headers
    if request.http_minor == 0 or request.length:
        raise BadRequest("A WebSocket begins with an HTTP/1.1 request without a body.", code="bad_handshake")
    if headers.get(b"sec-websocket-version", b"").strip() != VERSION:
        raise upgrade_required("Only version 13 of WebSocket is spoken here: send `Sec-WebSocket-Version: 13`.")
    key = headers.get(b"sec-websocket-key", b"").strip()
    if not is_key(key):
        raise BadRequest("Sec-WebSocket-Key must stand once, and be 16 bytes in base64.", code="bad_handshake")
    request.accept = accept_of(key)


def upgrade_required(message: str) -> BadRequest:
    """426: `problems.py` adds what to upgrade to."""
    return BadRequest(message, code="upgrade_required", status=426)
