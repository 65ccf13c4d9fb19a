"""OpenAI Chat Completions, and the many hosts that speak it."""

import msgspec

from omnillm.protocols.bound import files_named
from omnillm.protocols.codec import Codec
from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.openai_chat.emit.reply import emit_reply
from omnillm.protocols.openai_chat.emit.request import emit_request
from omnillm.protocols.openai_chat.emit.stream import ChatEncoder
from omnillm.protocols.openai_chat.failure import read_failure, read_headroom, write_fault, write_stream_fault
from omnillm.protocols.openai_chat.parse.reply import OwnReply, parse_reply
from omnillm.protocols.openai_chat.parse.request import parse_request
from omnillm.protocols.openai_chat.parse.stream import ChatDecoder
from omnillm.protocols.openai_chat.peek import peek_reply, peek_request, weigh
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.stream import ChatWatch
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=ChatWatch,
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="max_completion_tokens",
    read_headroom=read_headroom,
    weigh=weigh,
    named_ids=files_named,
)

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    dialect=ChatDialect(),
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=ChatDecoder,
    encoder=ChatEncoder,
    own_reply=msgspec.json.Decoder(OwnReply),
)
