"""What may be written of the part at which an emitter stands."""

from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.differences.tool_names import exact_id, short_id
from omnillm.protocols.position import Position

NAME = "openai_chat"
_LONGEST_ID = 40
"""Of a tool call, at OpenAI's own host."""


class Place(Position[ChatDialect], eq=False, gc=False):
    dialect: ChatDialect = ChatDialect()
    takes_marks: bool = True
    """Whether marks of the prompt cache may be written at all."""

    @property
    def is_openai(self) -> bool:
        """Whether the reader is OpenAI's own host, which refuses members that it does not know."""
        return self.dialect.is_openai and not self.is_reply

    @property
    def thoughts_member(self) -> str:
        """The member of an assistant's message for what it thought; "": there is none."""
        if self.is_reply:
            return "reasoning_content"
        return "" if self.dialect.is_openai else self.dialect.thoughts_member

    @property
    def takes_more(self) -> bool:
        """Whether an assistant's message may have members that OpenAI's have not."""
        return self.thoughts_member == "reasoning_content"

    @property
    def takes_free_text(self) -> bool:
        """Whether tools may be custom ones: compatible hosts know functions only."""
        return self.is_own or self.is_reply or self.dialect.is_openai

    @property
    def takes_arrays(self) -> bool:
        """Whether messages of the system and of tools may be arrays of texts: compatible hosts often take strings alone."""
        return self.is_own or self.is_reply or self.dialect.is_openai

    @property
    def has_documents(self) -> bool:
        return self.dialect.has_documents and not self.is_own

    @property
    def takes_openai_members(self) -> bool:
        """Whether members of the body may be OpenAI's own: a compatible host may refuse those that it does not know."""
        return self.has_own_extensions or self.is_openai

    def written_id(self, call_id: str) -> str:
        """Return the id of a call as the reader takes it."""
        length = 0 if self.is_reply or self.is_own else self.dialect.id_length
        if length:
            if (exact := exact_id(call_id, length)) != call_id:
                self.losses.approximate(self.everywhere(".call_id"), f"another: the host takes {length} letters and digits")
            return exact
        if len(call_id) <= _LONGEST_ID or self.is_own or not self.is_openai:
            return call_id
        self.losses.approximate(self.everywhere(".call_id"), "shortened: OpenAI takes 40 characters")
        return short_id(call_id, _LONGEST_ID)

    def drop_item_id(self) -> None:
        """Tell it once for all parts: these ids name what Responses keeps, and say nothing of the conversation."""
        self.losses.drop(self.everywhere(".item_id"), "Chat has no ids of items")
