"""What may be written of the part at which an emitter stands."""

from omnillm.protocols.dialects import ResponsesDialect
from omnillm.protocols.differences.tool_names import short_id
from omnillm.protocols.openai_responses.namespaces import NO_SPACES, Spaces
from omnillm.protocols.position import Position

NAME = "openai_responses"
_LONGEST_ID = 64
"""Of a tool call."""


class Place(Position[ResponsesDialect], eq=False, gc=False):
    dialect: ResponsesDialect = ResponsesDialect()
    spaces: Spaces = NO_SPACES
    """Of the tools that the request has in namespaces."""
    takes_marks: bool = True
    """Whether marks of the prompt cache may be written at all."""

    def written_id(self, call_id: str) -> str:
        """Return the id of a call as the API takes it."""
        if len(call_id) <= _LONGEST_ID or self.is_own:
            return call_id
        self.losses.approximate(self.everywhere(".call_id"), f"shortened: Responses takes {_LONGEST_ID} characters")
        return short_id(call_id, _LONGEST_ID)

    def takes_id(self) -> bool:
        """Tell whether the id of an item, which there is, may be written."""
        if not self.is_own:
            self.losses.drop("input[*].parts[*].item_id", "ids of items return only to who made them")
        return self.is_own
