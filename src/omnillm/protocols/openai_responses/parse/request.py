"""A request of the Responses API, read."""

from typing import Any

from omnillm.model.capabilities import ReasoningCapability, StructuredOutputConfig
from omnillm.model.message import Message, MessageRole, RequestItem, Text
from omnillm.model.request import LlmRequest
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.parse.draft import SHARED, Draft, Read, read_elsewhere, to_capability, to_field, to_generation
from omnillm.protocols.openai_chat.prompt_cache import policy_of
from omnillm.protocols.openai_responses.namespaces import Spaces, spaces_of
from omnillm.protocols.openai_responses.parse.conversation import ItemReader
from omnillm.protocols.openai_responses.parse.tools import read_choice, read_tools
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.shapes import (
    array,
    integer,
    mapping,
    optional_flag,
    optional_mapping,
    optional_text,
    rest,
    text,
    texts,
)

LOGPROBS = "message.output_text.logprobs"
_FORMAT_MEMBERS = frozenset({"type", "name", "schema", "strict", "description"})


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    """Read a request: members without a canonical home become vendor extensions, nulls say nothing."""
    draft = Draft(losses)
    draft.read(body, _MEMBERS)
    policy = policy_of(body)
    given = body.get("input")
    return LlmRequest(
        model=draft.fields.pop("model", ""),
        input=() if given is None else _read_input(given, losses, spaces_of(draft.capabilities.get("tools", ()))),
        capabilities=draft.capability_set(policy),
        generation=draft.generation_config(),
        protocol=NAME,
        vendor_extensions=draft.extensions,
        **draft.fields,
    )


def _read_input(given: Any, losses: Losses, spaces: Spaces) -> tuple[RequestItem, ...]:
    if type(given) is str:
        return (Message(role=MessageRole.USER, parts=(Text(text=given),)),)
    reader = ItemReader(losses, spaces)
    read = reader.read
    for place, item in enumerate(array(given, "input")):
        read(item, place)
    return reader.items()


def _read_tools(draft: Draft, value: Any) -> None:
    draft.capabilities["tools"], draft.capabilities["builtin_tools"] = read_tools(value)


def _read_reasoning(draft: Draft, value: Any) -> None:
    reasoning = mapping(value, "reasoning")
    if all(said is None for said in reasoning.values()):
        return
    effort = optional_text(reasoning, "effort", "reasoning")
    draft.capabilities["reasoning"] = ReasoningCapability(
        mode="disabled" if effort == "none" else "",
        effort="" if effort == "none" else effort,
        summary=optional_text(reasoning, "summary", "reasoning"),
        vendor_extensions=rest(reasoning, _REASONING_MEMBERS),
    )


_REASONING_MEMBERS = frozenset({"effort", "summary"})
_TEXT_MEMBERS = frozenset({"format", "verbosity"})


def _read_text(draft: Draft, value: Any) -> None:
    verbosity = optional_text(mapping(value, "text"), "verbosity", "text")
    if verbosity:
        draft.generation["verbosity"] = verbosity
    more = rest(value, _TEXT_MEMBERS)
    wanted = optional_mapping(value, "format", "text")
    if wanted is not None:
        output = _structured_output(wanted)
        if output is not None:
            draft.capabilities["structured_output"] = output
        elif wanted.get("type") != "text" or len(wanted) > 1:
            more["format"] = wanted
    if more:
        draft.extensions["text"] = more


def _structured_output(wanted: dict[str, Any]) -> StructuredOutputConfig | None:
    """None: plain text, or a format that only this protocol knows."""
    kind = text(wanted.get("type"), "text.format.type")
    if not _FORMAT_MEMBERS.issuperset(wanted):
        return None
    if kind == "json_object":
        return StructuredOutputConfig(kind="json_object")
    if kind != "json_schema":
        return None
    return StructuredOutputConfig(
        name=optional_text(wanted, "name", "text.format"),
        schema=mapping(wanted.get("schema"), "text.format.schema"),
        strict=optional_flag(wanted, "strict", "text.format"),
        description=optional_text(wanted, "description", "text.format"),
    )


def _read_include(draft: Draft, value: Any) -> None:
    given = texts(value, "include")
    if LOGPROBS in given:
        draft.generation["logprobs"] = True
    wanted = [word for word in given if word != LOGPROBS]
    if wanted:
        draft.extensions["include"] = wanted


def _natural(value: Any, path: str) -> int:
    return integer(value, path, 0)


_MEMBERS: dict[str, Read] = {
    **SHARED,
    "model": to_field("model", "model", text),
    "input": read_elsewhere,
    "instructions": to_field("instructions", "instructions", text),
    "previous_response_id": to_field("previous_response_id", "previous_response_id", text),
    "max_output_tokens": to_generation("max_output_tokens", _natural),
    "top_logprobs": to_generation("top_logprobs", _natural),
    "include": _read_include,
    "tools": _read_tools,
    "tool_choice": to_capability("tool_choice", read_choice),
    "max_tool_calls": to_capability("max_tool_calls", _natural),
    "text": _read_text,
    "reasoning": _read_reasoning,
}
