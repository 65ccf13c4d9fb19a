"""The local shell, which the application runs: to other protocols a function's call and its result, to this one the items as they came."""

from typing import Any

import msgspec

from omnillm.model.message import Text, ToolCall, ToolResult

NAME = "local_shell"
CALL, OUTPUT = "local_shell_call", "local_shell_call_output"
"""Types of the items, and among the extensions the items themselves."""


def call_of(item: dict[str, Any]) -> ToolCall | None:
    """None: it says no more than that it is a call."""
    call_id, action = _call_id(item), item.get("action")
    if not call_id or type(action) is not dict:
        return None
    arguments = msgspec.json.encode({name: value for name, value in action.items() if name != "type" and value is not None}).decode()
    return ToolCall(call_id=call_id, name=NAME, arguments=arguments, vendor_extensions={CALL: item})


def result_of(item: dict[str, Any]) -> ToolResult | None:
    """Read an output, which names its call by `call_id` or, as the API's reference has it, by `id`."""
    call_id, output = _call_id(item), item.get("output")
    if not call_id or type(output) is not str:
        return None
    return ToolResult(call_id=call_id, name=NAME, content=(Text(text=output),), vendor_extensions={OUTPUT: item})


def _call_id(item: dict[str, Any]) -> str:
    said = item.get("call_id") or item.get("id")
    return said if type(said) is str else ""
