"""Gemini's generateContent, streamGenerateContent and countTokens, of the Gemini API and of Vertex AI."""

from omnillm.protocols.bound import gemini_named
from omnillm.protocols.gemini_generate_content.codec import CODEC
from omnillm.protocols.gemini_generate_content.failure import read_failure, read_headroom, write_fault, write_stream_fault
from omnillm.protocols.gemini_generate_content.peek import peek_reply, peek_request, weigh
from omnillm.protocols.gemini_generate_content.stream import GenerateContentWatch
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name="gemini_generate_content",
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=lambda _withhold: GenerateContentWatch(),  # usage comes unasked, in chunks that the client needs
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="generationConfig.maxOutputTokens",
    read_headroom=read_headroom,
    weigh=weigh,
    named_ids=gemini_named,
)
