"""Tools that a result names, as the tool search of Claude Code answers: they stand among the tools of the call."""

from omnillm.model.message import Native

AS_TEXT = "the name of a tool, as text"
"""What is lost of it."""


_MEMBERS = {"type", "tool_name"}


def named_tool(part: Native) -> str:
    """What to say, in another protocol, of a part that names a tool; "": it names none, or says more than that."""
    value = part.value
    name = value["tool_name"] if part.kind == "tool_reference" and type(value) is dict and value.keys() == _MEMBERS else None
    return f"Tool: {name}" if isinstance(name, str) else ""
