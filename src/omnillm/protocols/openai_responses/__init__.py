"""OpenAI Responses."""

from omnillm.protocols.bound import response_made, responses_named
from omnillm.protocols.codec import Codec
from omnillm.protocols.dialects import ResponsesDialect
from omnillm.protocols.openai_chat.failure import read_headroom, write_fault
from omnillm.protocols.openai_responses.emit.reply import emit_reply
from omnillm.protocols.openai_responses.emit.request import emit_request
from omnillm.protocols.openai_responses.emit.stream import ResponsesEncoder
from omnillm.protocols.openai_responses.failure import read_failure, write_stream_fault
from omnillm.protocols.openai_responses.parse.reply import parse_reply
from omnillm.protocols.openai_responses.parse.request import parse_request
from omnillm.protocols.openai_responses.parse.stream import ResponsesDecoder
from omnillm.protocols.openai_responses.peek import peek_reply, peek_request, weigh
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.openai_responses.stream import ResponsesWatch, shown_call
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=ResponsesWatch,
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="max_output_tokens",
    read_headroom=read_headroom,
    weigh=weigh,
    named_ids=responses_named,
    made_ids=response_made,
    shown_call=shown_call,
)

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    dialect=ResponsesDialect(),
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=ResponsesDecoder,
    encoder=ResponsesEncoder,
)
