"""Amazon Bedrock's Converse API: `/model/{id}/converse`, `/model/{id}/converse-stream`. Clients speak it below `/providers` only.

Where the Messages API says the same, its writers write it (conversation, cache marks, thinking, schemas), here in blocks of Converse's own.
"""

from typing import Any, NoReturn

from omnillm.errors import ProtocolError
from omnillm.protocols.bedrock_converse.emit.request import emit_request
from omnillm.protocols.bedrock_converse.failure import read_failure, write_fault, write_fault_fields, write_stream_fault
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.bedrock_converse.parse.reply import parse_reply
from omnillm.protocols.bedrock_converse.parse.stream import ConverseDecoder
from omnillm.protocols.bedrock_converse.peek import peek_reply, peek_request, weigh
from omnillm.protocols.bedrock_converse.place import NAME
from omnillm.protocols.bedrock_converse.stream import ConverseWatch
from omnillm.protocols.codec import Codec
from omnillm.protocols.dialects import ConverseDialect
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
    request_id_field="x-amzn-requestid",
    output_cap_member="inferenceConfig.maxTokens",
    weigh=weigh,
    is_native_only=True,
)


def _no_client(*_: Any) -> NoReturn:
    raise ProtocolError("Converse is spoken to Bedrock, not by clients of the gateway.", reason="unsupported_wire_format")


CODEC = Codec(
    name=NAME,
    parse_request=_no_client,
    emit_request=emit_request,
    dialect=ConverseDialect(),
    parse_reply=parse_reply,
    emit_reply=_no_client,
    decoder=ConverseDecoder,
    encoder=_no_client,
    reader=EventFrames,
)
