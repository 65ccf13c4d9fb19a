"""What a call of Bedrock's Converse tells its model in the vendor's own words, as far as its cost has a bound."""

from typing import Any, Final

from omnillm.protocols.extras import UNCAPPED_TOOL, Asked
from omnillm.protocols.protocol import Members

MODEL_FIELDS: Final = "additionalModelRequestFields"
TOOL_CONFIG: Final = "toolConfig"
CONVERSE_PRICED: Final = frozenset({"guardrailConfig", "performanceConfig", "serviceTier", "promptVariables"})
"""`promptVariables` fill a prompt that is kept at AWS: how long it is, the body does not show."""
_BOUNDED_FIELDS: Final = frozenset(
    {"thinking", "reasoning_config", "reasoningConfig", "top_k", "topK", "anthropic_beta", "anthropic_version", "output_config"}
)
"""What a model may be told beside Converse's own words without changing its output cap."""
_LOCAL_TOOLS: Final = ("computer_", "bash_", "text_editor_", "memory_")


def is_bounded_field(field: tuple[str, Any]) -> bool:
    """Whether a member of `additionalModelRequestFields`, (name, value), does not change what a call may cost."""
    name, value = field
    if name == "inferenceConfig":
        return isinstance(value, dict) and value.keys() <= {"topK"}
    if name == "tools":
        return isinstance(value, list) and all(isinstance(each, dict) and str(each.get("type")).startswith(_LOCAL_TOOLS) for each in value)
    return name in _BOUNDED_FIELDS


def read_model_fields(asked: Asked, value: Any, _: Members) -> None:
    for field in (value or {}).items():
        if not is_bounded_field(field):
            asked.refuse(f"{MODEL_FIELDS}.{field[0]}")


def read_guardrail(asked: Asked, value: Any, _: Members) -> None:
    """AWS charges a guardrail by its policies and the text that they read; neither is in the call, so its price is that of a call."""
    if value is not None:
        asked.tools.add("guardrail")
        asked.calls += 1
        asked.untold_calls += 1


def read_tool_config(asked: Asked, value: Any, _: Members) -> None:
    for tool in (value or {}).get("tools") or ():
        if "systemTool" in tool:
            asked.refuse("the tool systemTool", UNCAPPED_TOOL)
