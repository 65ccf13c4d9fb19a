"""Amazon Bedrock's Converse API: `/model/{id}/converse`, `/model/{id}/converse-stream`. Clients speak it below `/providers` only."""

from omnillm.protocols.bedrock_converse.codec import CODEC
from omnillm.protocols.bedrock_converse.failure import read_failure, read_headroom, write_fault, write_fault_fields, write_stream_fault
from omnillm.protocols.bedrock_converse.peek import peek_reply, peek_request, weigh
from omnillm.protocols.bedrock_converse.stream import ConverseWatch
from omnillm.protocols.bedrock_converse.writer import NAME
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=lambda _withhold: ConverseWatch(),  # usage comes unasked
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    write_fault_fields=write_fault_fields,
    output_cap_member="inferenceConfig.maxTokens",
    read_headroom=read_headroom,
    weigh=weigh,
    is_native_only=True,
)
