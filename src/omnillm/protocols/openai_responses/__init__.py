"""OpenAI Responses."""

from omnillm.protocols.bound import response_made, responses_named
from omnillm.protocols.openai_chat.failure import write_fault
from omnillm.protocols.openai_chat.headroom import read_headroom
from omnillm.protocols.openai_responses.codec import CODEC
from omnillm.protocols.openai_responses.failure import read_failure, write_stream_fault
from omnillm.protocols.openai_responses.peek import peek_reply, peek_request, weigh
from omnillm.protocols.openai_responses.stream import ResponsesWatch
from omnillm.protocols.protocol import Protocol

PROTOCOL = Protocol(
    name="openai_responses",
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
)

__all__ = ["CODEC", "PROTOCOL"]
