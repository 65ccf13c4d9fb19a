"""Anthropic's Messages API: `/v1/messages`, `/v1/messages/count_tokens`."""

import msgspec

from omnillm.protocols.anthropic_messages.emit.reply import emit_reply
from omnillm.protocols.anthropic_messages.emit.request import emit_request
from omnillm.protocols.anthropic_messages.emit.stream import MessageEncoder
from omnillm.protocols.anthropic_messages.failure import read_failure, read_headroom, write_fault, write_stream_fault
from omnillm.protocols.anthropic_messages.parse.reply import parse_reply
from omnillm.protocols.anthropic_messages.parse.request import OwnRequest, parse_request
from omnillm.protocols.anthropic_messages.parse.stream import MessageDecoder
from omnillm.protocols.anthropic_messages.peek import peek_reply, peek_request, weigh
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.anthropic_messages.stream import MessageWatch, shown_call
from omnillm.protocols.anthropic_messages.threads import message_made, messages_named
from omnillm.protocols.codec import Codec
from omnillm.protocols.dialects import ClaudeDialect
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=lambda _withhold: MessageWatch(),  # usage comes unasked, in events that the client needs
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="max_tokens",
    read_headroom=read_headroom,
    weigh=weigh,
    request_id_field="request-id",
    overloaded_status=529,
    named_ids=messages_named,
    made_ids=message_made,
    shown_call=shown_call,
    shows_results=True,
)

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    dialect=ClaudeDialect(),
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=MessageDecoder,
    encoder=MessageEncoder,
    own_request=msgspec.json.Decoder(OwnRequest),
)
