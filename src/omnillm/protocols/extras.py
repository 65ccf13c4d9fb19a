"""What a request asks for that is paid apart from its tokens, or that adds tokens which its body does not show."""

from typing import Any, Final, NamedTuple

import msgspec

UNCAPPED_TOOL: Final = "no member caps what it costs: leave it out"
"""What to do about a tool that is paid, and of which nobody can state a maximum."""


class Served(NamedTuple):
    """What a reply says of the terms that it was served under, where its place has a price too."""

    tier: Any
    """In the provider's words; whatever else stands there tells nothing."""
    place: str


def is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


class Asked(msgspec.Struct, kw_only=True, gc=False):
    """The extras of one request."""

    tier: str = ""
    """As price lists call it; "": standard."""
    place: str = ""
    """Where it must be computed, when that has a price."""
    tools: set[str] = msgspec.field(default_factory=set)
    """Tools of the provider that are paid by the call, as price lists call them."""
    calls: int = 0
    """The most calls of them."""
    untold_calls: int = 0
    """Calls that are made for certain and that no reply counts."""
    turns: int = 1
    """How often the model reads its context, at most."""
    output_turns: int = 1
    """How often it writes up to the output cap, at most."""
    compactions: int = 0
    """How often it reads and writes beyond that, to shorten its context; `turns` and `output_turns` have them when all is read."""
    more_output: int = 0
    """Tokens that may be paid as output beyond the cap."""
    goes_on: bool = False
    """The provider generates to the end, even when the client has hung up."""
    has_unseen_input: bool = False
    """The prompt may be as long as the model's context, whatever the body holds."""
    unbounded: str = ""
    """The first member whose cost has no bound, and how to give it one."""
    unbounded_code: str = ""
    """The error code for the refusal of such a call, where clients know one."""
    images: int = 0
    image: str = ""
    """Quality and size of each image, in the words of `pricing/terms.py`."""
    characters: int = 0
    """The characters to be spoken, exactly."""
    audio_ms: int = 0
    """The most milliseconds of audio that are read."""
    unbounded_output: str = ""
    """Why the output has no bound, unless the model's own is known."""
    unbounded_audio: str = ""
    """Why `audio_ms` is no bound, where audio is paid by its length."""

    def compact(self) -> None:
        """The provider may shorten the conversation first, by a turn of its own, and read on from what came of that."""
        self.compactions += 1
        self.has_unseen_input = True

    def refuse(self, member: str, hint: str = "") -> None:
        self.unbounded = self.unbounded or member + (f" ({hint})" if hint else "")
