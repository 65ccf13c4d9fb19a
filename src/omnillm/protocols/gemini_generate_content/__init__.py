"""Gemini's generateContent, streamGenerateContent and countTokens, of the Gemini API and of Vertex AI."""

from omnillm.protocols.bound import gemini_named
from omnillm.protocols.codec import Codec
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_generate_content.emit.reply import emit_reply
from omnillm.protocols.gemini_generate_content.emit.request import emit_request
from omnillm.protocols.gemini_generate_content.emit.stream import GenerateContentEncoder
from omnillm.protocols.gemini_generate_content.failure import read_failure, write_fault, write_stream_fault
from omnillm.protocols.gemini_generate_content.parse.reply import parse_reply
from omnillm.protocols.gemini_generate_content.parse.request import parse_request
from omnillm.protocols.gemini_generate_content.parse.stream import GenerateContentDecoder
from omnillm.protocols.gemini_generate_content.peek import peek_reply, peek_request, rename, weigh
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.stream import GenerateContentWatch
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=lambda _withhold: GenerateContentWatch(),  # usage comes unasked, in chunks that the client needs
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="generationConfig.maxOutputTokens",
    weigh=weigh,
    named_ids=gemini_named,
    rename=rename,
)

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    dialect=GeminiDialect(),
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=GenerateContentDecoder,
    encoder=GenerateContentEncoder,
)
