"""What routing, limits and money need of a body of InvokeModel."""

from msgspec import Raw
from msgspec.structs import replace

from omnillm.errors import BadRequest
from omnillm.protocols.anthropic_messages import PROTOCOL as MESSAGES
from omnillm.protocols.protocol import Members, RequestPeek

_IN_PATH = ("model", "stream")


def peek_request(members: Members) -> RequestPeek:
    """Read a body without the members that the path says: with them, as the service does, it is refused. Raises BadRequest."""
    for name in _IN_PATH:
        if name in members:
            raise BadRequest(f"extraneous key [{name}] is not permitted: the path says it")
    return replace(MESSAGES.peek_request({**members, "model": Raw(b'"-"')}), model="")
