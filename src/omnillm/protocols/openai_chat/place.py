"""Where in a canonical value an emitter stands, and what it may say there."""

from collections.abc import Mapping

import msgspec

from omnillm.protocols.codec import NO_NAMES, Dialect
from omnillm.protocols.differences.tool_names import short_id
from omnillm.protocols.loss import Losses

NAME = "openai_chat"
_LONGEST_ID = 40
"""Of a tool call, at OpenAI's own host."""


IN_REPLY = "message.parts"
"""Where the parts of a reply stand."""


class Place(msgspec.Struct, eq=False):
    """Names the part being written, in canonical words; a path is made only when there is a loss to tell."""

    losses: Losses
    protocol: str
    dialect: Dialect | None = None
    """None: a reply is written, for a client."""
    is_native: bool = False
    """Whether what is written came in this protocol."""
    names: Mapping[str, str] = NO_NAMES
    takes_marks: bool = True
    """Whether marks of the prompt cache may be written at all."""
    number: int = 0
    part: int = 0
    member: str = "parts"

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

    @property
    def _root(self) -> str:
        return "candidates" if self.dialect is None else "input"

    def here(self, member: str = "") -> str:
        return f"{self._root}[{self.number}].{self.member}[{self.part}]{member}"

    def around(self, member: str) -> str:
        """Return the path of a member of what holds the part."""
        return f"{self._root}[{self.number}]{member}"

    def written_id(self, call_id: str) -> str:
        """Return the id of a call as the reader takes it."""
        if len(call_id) <= _LONGEST_ID or self.is_native or not self.is_openai:
            return call_id
        self.losses.approximate(f"{self._root}[*].{self.member}[*].call_id", "shortened: OpenAI takes 40 characters")
        return short_id(call_id, _LONGEST_ID)

    def drop(self, member: str, detail: str) -> None:
        self.losses.drop(self.here(member), detail)

    def drop_item_id(self) -> None:
        """Tell it once for all parts: these ids name what Responses keeps, and say nothing of the conversation."""
        self.losses.drop(f"{self._root}[*].{self.member}[*].item_id", "Chat has no ids of items")
