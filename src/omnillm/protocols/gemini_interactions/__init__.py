"""Gemini's Interactions API, of the Gemini API and of Vertex AI: `/v1beta/interactions`."""

from omnillm.protocols.bound import INTERACTION
from omnillm.protocols.codec import Codec
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_interactions.emit.reply import emit_reply
from omnillm.protocols.gemini_interactions.emit.request import emit_request
from omnillm.protocols.gemini_interactions.emit.stream import InteractionsEncoder
from omnillm.protocols.gemini_interactions.failure import read_failure, write_fault, write_stream_fault
from omnillm.protocols.gemini_interactions.kept import interaction_made, interactions_named
from omnillm.protocols.gemini_interactions.parse.reply import parse_reply
from omnillm.protocols.gemini_interactions.parse.request import parse_request
from omnillm.protocols.gemini_interactions.parse.stream import InteractionsDecoder
from omnillm.protocols.gemini_interactions.peek import peek_reply, peek_request, rename, weigh
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.gemini_interactions.stream import InteractionsWatch
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=lambda _withhold: InteractionsWatch(),  # usage comes unasked, in an event that the client needs
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="generation_config.max_output_tokens",
    weigh=weigh,
    named_ids=interactions_named,
    made_ids=interaction_made,
    kept_as=INTERACTION,
    rename=rename,
)

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    dialect=GeminiDialect(),
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=InteractionsDecoder,
    encoder=InteractionsEncoder,
)
