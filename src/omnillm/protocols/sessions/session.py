"""What a protocol of live sessions supplies. Pure: messages in, counts out.

A turn is one generation of the provider: it reads the whole conversation again and bills it as prompt. Nobody announces its size, so
what it may cost is bounded: its prompt by what was ever sent (a token is at least a byte of text, or of audio `AUDIO_BYTES` of base64), its
output by the model's own maximum.
"""

from collections.abc import Callable
from typing import Final
from typing import Protocol as Interface

import msgspec

from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import Failure, Fault
from omnillm.usage import Usage

AUDIO_BYTES: Final = 512
"""Of base64 a token at least: G.711 has 8,000 bytes a second and the fastest count is 20 tokens a second, so 533 letters each."""
IMAGE_TOKENS: Final = 4096
"""Of one picture or frame at most."""
OWN_TOKENS: Final = 2048
"""What a provider adds of its own to a conversation: default instructions, and the marks between items."""


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the provider has billed, as it told. `usage` None: it told of a turn's end, and not what it cost."""

    usage: Usage | None
    model: str = ""
    """Another model than the session's, run beside it: a transcription's; "" is the session's own."""
    audio_s: float = 0.0
    """Of what is billed by its duration."""


class Watch(Interface):
    """Follows one session. Decodes only what can begin, meter or end a turn."""

    prompt_tokens: int
    """Of the next turn at most."""
    is_unbounded: bool
    """The prompt holds what was not sent here: then only the model's context bounds it."""
    observed_tokens: int
    """Of the output of the turns that are open, at most."""

    @property
    def open_turns(self) -> int:
        """Asked for or begun, and not metered yet."""
        ...

    def to_provider(self, message: bytes) -> None:
        """Called with each message to the provider, before it leaves."""
        ...

    def from_provider(self, message: bytes) -> tuple[Report, ...]:
        """Called with each message of the provider."""
        ...


class SessionProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions of one wire protocol."""

    name: str
    watch: Callable[[], Watch]
    write_fault: Callable[[Fault], bytes]
    """The message that says why the session ends; its close frame follows."""
    read_refusal: Callable[[bytes], Failure | None]
    """Whether the provider's first message says no."""
    read_end: Callable[[int, str], Failure]
    """What a close frame (code, reason) means where it comes instead of the first message, or as an error."""
    unbounded_cost: Callable[[bytes], str]
    """What of the opening message has a price without a bound; "": nothing."""
    opens_with_message: bool
    """The client's first message says what it wants; else its URL does."""
    with_model: Callable[[bytes, str], bytes]
    """The opening message for another model; of a protocol whose model stands in the URL, as it is."""


def spelled_out(message: bytes) -> bytes:
    """A message that is searched for words: with escapes that hide some, once more without them."""
    if b"\\u00" not in message and b"\\/" not in message:
        return message
    try:
        return message + msgspec.json.encode(msgspec.json.decode(message))
    except UNREADABLE:
        return message
