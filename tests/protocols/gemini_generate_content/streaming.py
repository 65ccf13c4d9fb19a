"""Chunks of generateContent as a provider sends them, and parts as they grow."""

from typing import Any

from tests.protocols.gemini_generate_content.replies import candidate, reply


def chunk(*parts: dict, finish: str = "", index: int = 0, **members: Any) -> dict:
    piece = candidate(*parts, finish=finish, index=index, **members)
    return reply(piece if finish else {name: value for name, value in piece.items() if name != "finishReason"})


def piece(path: str, value: Any, *, goes_on: bool = False) -> dict:
    kinds = {str: "stringValue", int: "numberValue", float: "numberValue", bool: "boolValue", type(None): "nullValue"}
    return {"jsonPath": path, kinds[type(value)]: "NULL_VALUE" if value is None else value, **({"willContinue": True} if goes_on else {})}
