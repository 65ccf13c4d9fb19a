"""A choice among the tools that the request declares. A provider's own tool that the other protocol left out is not among them."""

from msgspec.structs import replace

from omnillm.model.capabilities import CapabilitySet, ToolChoice
from omnillm.protocols.loss import Losses

PATH = "capabilities.tool_choice"
NOT_THERE = "it names no tool that is there"


def among_declared(choice: ToolChoice, capabilities: CapabilitySet, losses: Losses) -> ToolChoice:
    """Return the choice without the names of tools that are not declared; providers refuse one that names such a tool.

    Where no name is left, nothing is noted: there is nothing to choose, which the caller tells.
    """
    there = {tool.name for tool in capabilities.tools}
    names = tuple(name for name in choice.names if name in there)
    if names == choice.names:
        return choice
    if names:
        losses.approximate(f"{PATH}.names", "without those of tools that are not there")
    return replace(choice, names=names)
