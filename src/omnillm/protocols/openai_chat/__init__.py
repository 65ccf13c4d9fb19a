"""OpenAI Chat Completions, and the many hosts that speak it."""

from omnillm.protocols.bound import files_named
from omnillm.protocols.openai_chat.codec import CODEC
from omnillm.protocols.openai_chat.failure import read_failure, write_fault, write_stream_fault
from omnillm.protocols.openai_chat.headroom import read_headroom
from omnillm.protocols.openai_chat.peek import peek_reply, peek_request, weigh
from omnillm.protocols.openai_chat.stream import ChatWatch
from omnillm.protocols.protocol import Protocol

__all__ = ["CODEC", "PROTOCOL"]

PROTOCOL = Protocol(
    name="openai_chat",
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
