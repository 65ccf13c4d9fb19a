"""What may be written of the part at which an emitter stands."""

from collections.abc import Mapping

import msgspec

from omnillm.protocols.codec import NO_NAMES, Dialect
from omnillm.protocols.differences.tool_names import exact_id, short_id
from omnillm.protocols.loss import Losses
from omnillm.protocols.position import Position

NAME = "openai_chat"
_LONGEST_ID = 40
"""Of a tool call, at OpenAI's own host."""


class Place(Position, msgspec.Struct, eq=False, gc=False):
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
    def thoughts_member(self) -> str:
        """The member of an assistant's message for what it thought; "": there is none."""
        if self.dialect is None:
            return "reasoning_content"
        return "" if self.dialect.is_openai else self.dialect.thoughts_member

    @property
    def takes_more(self) -> bool:
        """Whether an assistant's message may have members that OpenAI's have not."""
        return self.thoughts_member == "reasoning_content"

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
    def has_documents(self) -> bool:
        return self.dialect is not None and self.dialect.has_documents and not self.is_native

    @property
    def takes_openai_members(self) -> bool:
        """Whether members of the body may be OpenAI's own: a compatible host may refuse those that it does not know."""
        return self.has_own_extensions or self.is_openai

    def written_id(self, call_id: str) -> str:
        """Return the id of a call as the reader takes it."""
        length = 0 if self.dialect is None or self.is_native else self.dialect.id_length
        if length:
            if (exact := exact_id(call_id, length)) != call_id:
                self.losses.approximate(f"{self.root}[*].{self.member}[*].call_id", f"another: the host takes {length} letters and digits")
            return exact
        if len(call_id) <= _LONGEST_ID or self.is_native or not self.is_openai:
            return call_id
        self.losses.approximate(f"{self.root}[*].{self.member}[*].call_id", "shortened: OpenAI takes 40 characters")
        return short_id(call_id, _LONGEST_ID)

    def drop_item_id(self) -> None:
        """Tell it once for all parts: these ids name what Responses keeps, and say nothing of the conversation."""
        self.losses.drop(f"{self.root}[*].{self.member}[*].item_id", "Chat has no ids of items")
