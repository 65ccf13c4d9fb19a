"""Amazon Bedrock's InvokeModel for Claude: bodies of the Messages API without what the path says, AWS's errors and event streams."""

from msgspec import Raw
from msgspec.structs import replace

from omnillm.errors import BadRequest
from omnillm.protocols.anthropic_messages import PROTOCOL as MESSAGES
from omnillm.protocols.bedrock_converse import PROTOCOL as CONVERSE
from omnillm.protocols.protocol import Members, Protocol, RequestPeek

__all__ = ["PROTOCOL"]

_IN_PATH = ("model", "stream")


def peek_request(members: Members) -> RequestPeek:
    """Read a body without the members that the path says: with them, as the service does, it is refused. Raises BadRequest."""
    for name in _IN_PATH:
        if name in members:
            raise BadRequest(f"extraneous key [{name}] is not permitted: the path says it")
    return replace(MESSAGES.peek_request({**members, "model": Raw(b'"-"')}), model="")


PROTOCOL = Protocol(
    name="bedrock_invoke",
    peek_request=peek_request,
    peek_reply=MESSAGES.peek_reply,
    watch=MESSAGES.watch,
    read_failure=CONVERSE.read_failure,
    write_fault=CONVERSE.write_fault,
    write_fault_fields=CONVERSE.write_fault_fields,
    request_id_field=CONVERSE.request_id_field,
    write_stream_fault=CONVERSE.write_stream_fault,
    output_cap_member=MESSAGES.output_cap_member,
    weigh=MESSAGES.weigh,
    named_ids=MESSAGES.named_ids,
    is_native_only=True,
)
