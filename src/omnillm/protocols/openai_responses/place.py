"""What may be written of the part at which an emitter stands."""

from omnillm.protocols.codec import Dialect
from omnillm.protocols.differences.tool_names import short_id
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.namespaces import NO_SPACES
from omnillm.protocols.position import Position

NAME = "openai_responses"
_DIALECT = Dialect()
_LONGEST_ID = 64
"""Of a tool call."""


class Place(Position):
    # fmt: off
    __slots__ = (
        "dialect", "has_own_extensions", "is_own", "losses", "member", "number", "part", "protocol", "root", "spaces", "takes_marks",
    )
    # fmt: on

    def __init__(self, losses: Losses, *, protocol: str, dialect: Dialect = _DIALECT, is_reply: bool = False) -> None:
        self.losses = losses
        self.protocol = protocol
        """In which what is written came; "": the library's own."""
        self.is_own = protocol == NAME
        """Whether what is written came in this protocol."""
        self.has_own_extensions = self.is_own or (not protocol and not is_reply)
        self.dialect = dialect
        self.spaces = NO_SPACES
        """Of the tools that the request has in namespaces."""
        self.takes_marks = True
        """Whether marks of the prompt cache may be written at all."""
        self.root = "candidates" if is_reply else "input"
        self.number = 0
        self.member = "message.parts" if is_reply else "parts"
        self.part = 0

    def written_id(self, call_id: str) -> str:
        """Return the id of a call as the API takes it."""
        if len(call_id) <= _LONGEST_ID or self.is_own:
            return call_id
        self.losses.approximate(f"{self.root}[*].{self.member}[*].call_id", f"shortened: Responses takes {_LONGEST_ID} characters")
        return short_id(call_id, _LONGEST_ID)

    def takes_id(self) -> bool:
        """Tell whether the id of an item, which there is, may be written."""
        if not self.is_own:
            self.losses.drop("input[*].parts[*].item_id", "ids of items return only to who made them")
        return self.is_own

    def extend(self, out: dict[str, object], extensions: dict[str, object], around: str = "") -> None:
        """Add members without a canonical home to what is written; a typed member is never overridden."""
        for name, value in extensions.items():
            if self.has_own_extensions and name not in out:
                out[name] = value
            else:
                path = f"{self.around()}{around}" if around else self.here(".vendor_extensions")
                self.losses.drop(f"{path}.{name}", "Responses has no such member here")
