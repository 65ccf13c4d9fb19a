"""What a provider refuses in the history of a conversation, in its own words: results of calls that nobody made, seals without their form.

Which seals were issued is not in the request: `memory.py` knows.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from omnillm.testing.replies.reading import within
from omnillm.testing.replies.speaker import Json, Malformed, Sealed

NO_CALLS = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
NO_CALL = "Invalid parameter: 'tool_call_id' of '{}' not found in 'tool_calls' of previous message."
NO_TOOL_USE = (
    "{}: unexpected `tool_use_id` found in `tool_result` blocks: {}. "
    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)
NO_FUNCTION_CALL = "Please ensure that function response turn comes immediately after a function call turn."


class Input(NamedTuple):
    """What the input of a response brings along."""

    seals: tuple[Sealed, ...]
    calls: frozenset[str]
    answers: tuple[str, ...]
    """Those that the input does not bring along."""


def _dicts(nodes: object) -> Iterator[tuple[int, Json]]:
    if isinstance(nodes, list):
        for place, node in enumerate(nodes):
            if isinstance(node, dict):
                yield place, node


def judge_chat(messages: list[Any]) -> None:
    """Every tool message answers a call that stands before it."""
    calls: set[str] = set()
    for _, message in _dicts(messages):
        calls |= {str(call.get("id")) for _, call in _dicts(message.get("tool_calls"))}
        if message.get("role") == "tool":
            if not calls:
                raise Malformed(NO_CALLS)
            if (answered := str(message.get("tool_call_id"))) not in calls:
                raise Malformed(NO_CALL.format(answered))


def judge_messages(messages: list[Any], *, goes_on: bool = False) -> tuple[Sealed, ...]:
    """Every tool_result answers a tool_use of the turn before it. Answers with the signatures and the redacted data.

    `goes_on`: the turn before the first is kept by the provider.
    """
    calls: set[str] = set()
    seals: list[Sealed] = []
    before = ""
    for place, message in _dicts(messages):
        role = str(message.get("role"))
        if role == "assistant" != before:
            calls = set()
        before = role
        for part, block in _dicts(message.get("content")):
            at = f"messages.{place}.content.{part}"
            if block.get("type") == "tool_use":
                calls.add(str(block.get("id")))
            elif (
                block.get("type") == "tool_result"
                and not (goes_on and not place)
                and (answered := str(block.get("tool_use_id"))) not in calls
            ):
                raise Malformed(NO_TOOL_USE.format(at, answered))
            seals += _sealed(block, at)
    return tuple(seals)


def _sealed(block: Json, at: str) -> Iterator[Sealed]:
    kind = block.get("type")
    name = {"thinking": "signature", "redacted_thinking": "data"}.get(kind) if isinstance(kind, str) else None
    if name is not None:
        if not isinstance(value := block.get(name), str):
            raise Malformed(f"{at}.{kind}.{name}: Field required")
        yield Sealed(value=value, place=f"{at}: Invalid `{name}` in `{kind}` block")


def judge_input(items: object) -> Input:
    """Calls and their answers; an answer may also be to a call of the response before."""
    calls: set[str] = set()
    answers: list[str] = []
    seals: list[Sealed] = []
    for _, item in _dicts(items):
        match item.get("type"):
            case "function_call" | "custom_tool_call":
                calls.add(str(item.get("call_id")))
            case "item_reference":
                calls.add(str(item.get("id")).replace("fc_", "call_", 1))
            case "function_call_output" | "custom_tool_call_output" if (answered := str(item.get("call_id"))) not in calls:
                answers.append(answered)
            case "reasoning" if isinstance(value := item.get("encrypted_content"), str):
                seals.append(Sealed(value=value, place=str(item.get("id"))))
    return Input(tuple(seals), frozenset(calls), tuple(answers))


def judge_steps(steps: list[Any]) -> Input:
    """Calls of functions and their results; a result may also be of a call of the interaction before. And what signs thoughts."""
    calls: set[str] = set()
    answers: list[str] = []
    seals: list[Sealed] = []
    for _, step in _dicts(steps):
        match step.get("type"):
            case "function_call":
                calls.add(str(step.get("id")))
            case "function_result" if (answered := str(step.get("call_id"))) not in calls:
                answers.append(answered)
            case "thought" if step.get("signature"):
                seals.append(Sealed(value=str(step["signature"]), place="Thought signature is not valid"))
    return Input(tuple(seals), frozenset(calls), tuple(answers))


def judge_contents(contents: list[Any]) -> tuple[Sealed, ...]:
    """Every functionResponse names a functionCall before it. Answers with the signatures."""
    called: set[str] = set()
    seals: list[Sealed] = []
    for _, content in _dicts(contents):
        for _, part in _dicts(content.get("parts")):
            value = part.get("thoughtSignature", part.get("thought_signature"))
            if value is not None:
                seals.append(Sealed(value=str(value), place="Thought signature is not valid"))
            called.add(str(within(_called(part), "name")))
            answer = part.get("functionResponse", part.get("function_response"))
            if isinstance(answer, dict) and str(answer.get("name")) not in called:
                raise Malformed(NO_FUNCTION_CALL)
    return tuple(seals)


def _called(part: Json) -> Any:
    return part.get("functionCall", part.get("function_call"))


def unsigned(contents: list[Any]) -> tuple[str, ...]:
    """The functions whose call is the first of its content and not signed, since the user last said something: older turns are let be."""
    names: list[str] = []
    for _, content in _dicts(contents):
        parts = [part for _, part in _dicts(content.get("parts"))]
        if content.get("role") == "model":
            first = next((part for part in parts if isinstance(_called(part), dict)), None)
            if first is not None and not first.get("thoughtSignature", first.get("thought_signature")):
                names.append(str(within(_called(first), "name")))
        elif any(isinstance(part.get("text"), str) for part in parts):
            names = []
    return tuple(names)
