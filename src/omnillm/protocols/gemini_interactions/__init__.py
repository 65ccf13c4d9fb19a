"""Gemini's Interactions API, of the Gemini API and of Vertex AI: `/v1beta/interactions`."""

from omnillm.protocols.bound import INTERACTION
from omnillm.protocols.gemini_generate_content.failure import read_headroom
from omnillm.protocols.gemini_interactions.failure import read_failure, write_fault, write_stream_fault
from omnillm.protocols.gemini_interactions.kept import interaction_made, interactions_named
from omnillm.protocols.gemini_interactions.peek import peek_reply, peek_request, rename, weigh
from omnillm.protocols.gemini_interactions.stream import InteractionsWatch
from omnillm.protocols.protocol import Protocol

__all__ = ["PROTOCOL"]

PROTOCOL = Protocol(
    name="gemini_interactions",
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=lambda _withhold: InteractionsWatch(),  # usage comes unasked, in an event that the client needs
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="generation_config.max_output_tokens",
    read_headroom=read_headroom,
    weigh=weigh,
    named_ids=interactions_named,
    made_ids=interaction_made,
    kept_as=INTERACTION,
    rename=rename,
)
