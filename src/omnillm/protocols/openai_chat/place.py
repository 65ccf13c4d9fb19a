"""What may be written of the part at which an emitter stands."""

from collections.abc import Mapping

import msgspec

from omnillm.protocols.codec import NO_NAMES, Dialect
from omnillm.protocols.differences.tool_names import short_id
from omnillm.protocols.loss import Losses
from omnillm.protocols.position import Position

NAME = "openai_chat"
_LONGEST_ID = 40
"""Of a tool call, at OpenAI's own host."""


class Place(Position, msgspec.Struct, eq=False):
    losses: Losses
    protocol: str
    dialect: Dialect | None = None
    """None: a reply is written, for a client."""
    is_native: bool = False
    """Whether what is written came in this protocol."""
    names: Mapping[str, str] = NO_NAMES
    takes_marks: bool = True
    """Whether marks of the prompt cache may be written at all."""
    root: str = "input"
    number: int = 0
    member: str = "parts"
    part: int = 0

    @classmethod
    def in_reply(cls, losses: Losses, *, protocol: str, names: Mapping[str, str], is_native: bool = False) -> "Place":
        return cls(losses, protocol=protocol, is_native=is_native, names=names, root="candidates", member="message.parts")

    @property
    def is_openai(self) -> bool:
        """Whether the reader is OpenAI's own host, which refuses members that it does not know."""
        return self.dialect is not None and self.dialect.is_openai

    @property
    def has_own_extensions(self) -> bool:
        """Whether vendor extensions are members of Chat's, or the caller's own words for every host."""
        return self.is_native or (not self.protocol and self.dialect is not None)

    @property
    def takes_free_text(self) -> bool:
        """Whether tools may be custom ones: compatible hosts know functions only."""
        return self.is_native or self.dialect is None or self.dialect.is_openai

    @property
    def takes_arrays(self) -> bool:
        """Whether messages of the system and of tools may be arrays of texts: compatible hosts often take strings alone."""
        return self.is_native or self.dialect is None or self.dialect.is_openai

    @property
    def takes_openai_members(self) -> bool:
        """Whether members of the body may be OpenAI's own: a compatible host may refuse those that it does not know."""
        return self.has_own_extensions or self.is_openai

    def written_id(self, call_id: str) -> str:
        """Return the id of a call as the reader takes it."""
        if len(call_id) <= _LONGEST_ID or self.is_native or not self.is_openai:
            return call_id
        self.losses.approximate(f"{self.root}[*].{self.member}[*].call_id", "shortened: OpenAI takes 40 characters")
        return short_id(call_id, _LONGEST_ID)

    def drop_item_id(self) -> None:
        """Tell it once for all parts: these ids name what Responses keeps, and say nothing of the conversation."""
        self.losses.drop(f"{self.root}[*].{self.member}[*].item_id", "Chat has no ids of items")
