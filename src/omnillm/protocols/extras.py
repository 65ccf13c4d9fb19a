"""What a request asks for that is paid apart from its tokens, or brings in tokens that its body does not show."""

from typing import Any, NamedTuple

import msgspec


class Served(NamedTuple):
    """What a reply says of the terms that it was served under, where its place has a price too."""

    tier: Any
    """In the provider's words; whatever else stands there tells nothing."""
    place: str


class Asked(msgspec.Struct, kw_only=True, gc=False):
    """The extras of one request."""

    tier: str = ""
    """As price lists call it; "": standard."""
    place: str = ""
    """Where it must be computed, when that has a price."""
    tools: set[str] = msgspec.field(default_factory=set)
    """Tools of the provider that are paid by the call, as price lists call them."""
    calls: int = 0
    """At most so many calls of them."""
    untold_calls: int = 0
    """So many of them are made, and no reply counts them."""
    turns: int = 1
    """At most so often the model reads its context."""
    output_turns: int = 1
    """At most so often it writes up to the output cap."""
    more_output: int = 0
    """So many tokens may be paid as output beside what the cap bounds."""
    goes_on: bool = False
    """The provider generates to the end, whoever hangs up."""
    has_unseen_input: bool = False
    """The prompt may be as long as the model's context, whatever the body holds."""
    unbounded: str = ""
    """The first member whose cost has no bound, and how to give it one."""
    unbounded_code: str = ""
    """What clients know the refusal of such a call by, where they have a word for it."""
    images: int = 0
    image: str = ""
    """Quality and size of each, as `pricing/terms.py` has it."""
    characters: int = 0
    """Exactly so many are spoken."""
    audio_ms: int = 0
    """At most so much is read."""
    unbounded_output: str = ""
    """Why the output has no bound, unless the model's own is known."""
    unbounded_audio: str = ""
    """Why `audio_ms` is no bound, where audio is paid by its length."""

    def refuse(self, member: str, hint: str = "") -> None:
        self.unbounded = self.unbounded or member + (f" ({hint})" if hint else "")
