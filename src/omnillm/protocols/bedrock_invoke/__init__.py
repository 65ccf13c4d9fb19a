"""Amazon Bedrock's InvokeModel for Claude: bodies of the Messages API without what the path says, AWS's errors and event streams."""

from omnillm.protocols.anthropic_messages import PROTOCOL as MESSAGES
from omnillm.protocols.bedrock_converse import PROTOCOL as CONVERSE
from omnillm.protocols.bedrock_invoke.peek import peek_request
from omnillm.protocols.protocol import Protocol

__all__ = ["PROTOCOL"]

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
    read_headroom=CONVERSE.read_headroom,
    weigh=MESSAGES.weigh,
    named_ids=MESSAGES.named_ids,
    is_native_only=True,
)
