"""How many tokens of the limits a native call is expected to take: estimated from its body, if that is JSON of a protocol."""

import msgspec

from omnillm.errors import BadRequest
from omnillm.pricing.estimate import prompt_tokens
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Members
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import Metering, Operation
from omnillm.transport.spool import MEMORY_BYTES, Body

UNLIMITED = "batches"
"""A family that no provider counts in the minute of the key: its tokens have a queue of their own."""
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def expected_tokens(operation: Operation, endpoint: Endpoint, body: Body) -> int:
    """Prompt by estimate + output cap, to be settled to the usage that is reported; 0 where nobody can tell."""
    if operation.metering is not Metering.TOKENS or operation.family == UNLIMITED:
        return 0
    if not (isinstance(body, bytes) and body[:1] == b"{" and len(body) <= MEMORY_BYTES):
        return 0
    try:
        members = _members(body)
    except UNREADABLE:
        return 0
    return max(_weigh(name, members, len(body)) for name in endpoint.words)


def _weigh(name: str, members: Members, size: int) -> int:
    """In the words of one protocol. A body in which it finds no prompt is taken for all prompt."""
    protocol = PROTOCOLS[name]
    try:
        peek = protocol.peek_request(members)
        text, media = protocol.weigh(members)
        prompt, _ = prompt_tokens(text or size, media.usual, media.most, name)
    except BadRequest:
        return prompt_tokens(size, 0, 0, name)[0]  # its provider will say what is wrong with it
    return prompt + (peek.output_cap or 0) * peek.n
