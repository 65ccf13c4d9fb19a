"""A prompt that is too long for its model. Hosts say so in words of their own, and clients look for the words of their vendor.

Then the clients shorten the conversation.
"""

import re

from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Fault

TOO_LONG = "context_length_exceeded"
"""OpenAI's code, under which every protocol's reader knows it."""

_OPENING = re.compile(
    r"(the model returned the following errors: )?"
    r"(prompt is too long|input is too long for requested model|input length and `max_tokens` exceed context limit"
    r"|(this|the) (model|endpoint)'s maximum (context|prompt) length is|requested token count exceeds the model's maximum context length"
    r"|your input exceeds the context window|input tokens exceed the configured limit|please reduce the length of the messages"
    r"|the input token count .{0,20}exceeds the maximum|unable to submit request because the input token count is"
    r"|request \(\d+ tokens\) exceeds the available context size)",
    re.IGNORECASE,
)
"""Only the beginning counts: further on a message may quote the caller."""


def code_of(code: str, message: str, verdict: Verdict) -> str:
    """The code of a provider's error: `TOO_LONG` where its message says that, else its own."""
    return TOO_LONG if verdict is Verdict.CALLER_FAULT and _OPENING.match(message) else code


def worded(fault: Fault, words: str) -> str:
    """The message of an error, for clients that look for these words if a prompt was too long."""
    message = fault.message
    return f"{words}: {message}" if fault.code == TOO_LONG and words.lower() not in message.lower() else message
