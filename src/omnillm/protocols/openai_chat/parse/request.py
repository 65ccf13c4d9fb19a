"""A client's request, read."""

from typing import Any

from omnillm.model.capabilities import BuiltinTool, OutputModality, ReasoningCapability, StructuredOutputConfig, ToolDefinition
from omnillm.model.request import LlmRequest
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.parse.conversation import read_messages
from omnillm.protocols.openai_chat.parse.draft import SHARED, Draft, Read, read_elsewhere, to_capability, to_generation
from omnillm.protocols.openai_chat.parse.tools import read_choice, read_legacy_choice, read_tools, read_web_search
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.prompt_cache import policy_of
from omnillm.protocols.shapes import (
    Unfit,
    array,
    flag,
    integer,
    mapping,
    number,
    optional_flag,
    optional_mapping,
    optional_text,
    rest,
    text,
    texts,
)


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    draft = Draft(losses)
    draft.read(body, _MEMBERS)
    fields = _fields(body, draft)
    return LlmRequest(
        model=text(body.get("model"), "model"),
        input=read_messages(body.get("messages")),
        capabilities=draft.capability_set(policy_of(body)),
        generation=draft.generation_config(),
        protocol=NAME,
        vendor_extensions=draft.extensions,
        **fields,
    )


def _fields(body: dict[str, Any], draft: Draft) -> dict[str, Any]:
    """The fields that two members decide."""
    fields = draft.fields
    options = body.get("stream_options")
    if options is not None:
        if others := rest(mapping(options, "stream_options"), _INCLUDE_USAGE):
            draft.extensions["stream_options"] = others
        if optional_flag(options, "include_usage", "stream_options"):
            return fields
    if fields.get("is_stream"):
        fields["wants_stream_usage"] = False
    return fields


_INCLUDE_USAGE = frozenset({"include_usage"})


def _read_cap(draft: Draft, value: Any) -> None:
    """`max_completion_tokens` wins over its deprecated name."""
    cap = integer(value, "max_completion_tokens", 1)
    if draft.generation.get("max_output_tokens", cap) != cap:
        draft.losses.drop("max_tokens", "max_completion_tokens says otherwise")
    draft.generation["max_output_tokens"] = cap


def _read_old_cap(draft: Draft, value: Any) -> None:
    cap = integer(value, "max_tokens", 1)
    if draft.generation.setdefault("max_output_tokens", cap) != cap:
        draft.losses.drop("max_tokens", "max_completion_tokens says otherwise")


def _read_stop(draft: Draft, value: Any) -> None:
    draft.generation["stop"] = (value,) if type(value) is str else texts(value, "stop")


def _read_effort(draft: Draft, value: Any) -> None:
    effort = text(value, "reasoning_effort")
    if effort:
        draft.capabilities["reasoning"] = ReasoningCapability(mode="disabled") if effort == "none" else ReasoningCapability(effort=effort)


def _read_modalities(draft: Draft, value: Any) -> None:
    modalities = []
    for n, word in enumerate(array(value, "modalities")):
        if type(word) is not str or word not in _MODALITIES:
            raise Unfit(f"modalities[{n}]", "text, audio or image")
        modalities.append(_MODALITIES[word])
    draft.capabilities["modalities"] = tuple(modalities)


_MODALITIES = {modality.value: modality for modality in OutputModality}


def _read_format(draft: Draft, value: Any) -> None:
    kind = text(mapping(value, "response_format").get("type"), "response_format.type")
    if kind == "json_object":
        draft.capabilities["structured_output"] = StructuredOutputConfig(kind="json_object")
    elif kind == "json_schema":
        path = "response_format.json_schema"
        schema = mapping(value.get("json_schema"), path)
        for name in rest(schema, _SCHEMA_MEMBERS):
            draft.losses.drop(f"{path}.{name}", "not a member of Chat's")
        draft.capabilities["structured_output"] = StructuredOutputConfig(
            name=optional_text(schema, "name", path),
            schema=optional_mapping(schema, "schema", path),
            strict=optional_flag(schema, "strict", path),
            description=optional_text(schema, "description", path),
        )
    elif kind != "text":
        draft.extensions["response_format"] = value


_SCHEMA_MEMBERS = frozenset({"name", "schema", "strict", "description"})


def _add_tools(draft: Draft, own: tuple[ToolDefinition, ...], builtin: tuple[BuiltinTool, ...]) -> None:
    for field, more in (("tools", own), ("builtin_tools", builtin)):
        if more:
            draft.capabilities[field] = (*draft.capabilities.get(field, ()), *more)


def _read_functions(draft: Draft, value: Any) -> None:
    _add_tools(draft, *read_tools(value, "functions"))
    draft.losses.approximate("functions", "read as tools; calls are answered as tool_calls")


_MEMBERS: dict[str, Read] = {
    **SHARED,
    "model": read_elsewhere,
    "messages": read_elsewhere,
    "stream_options": read_elsewhere,
    "max_completion_tokens": _read_cap,
    "max_tokens": _read_old_cap,
    "top_k": to_generation("top_k", integer),
    "presence_penalty": to_generation("presence_penalty", number),
    "frequency_penalty": to_generation("frequency_penalty", number),
    "seed": to_generation("seed", integer),
    "n": to_generation("n", integer),
    "logprobs": to_generation("logprobs", flag),
    "top_logprobs": to_generation("top_logprobs", integer),
    "logit_bias": to_generation("logit_bias", mapping),
    "verbosity": to_generation("verbosity", text),
    "stop": _read_stop,
    "reasoning_effort": _read_effort,
    "modalities": _read_modalities,
    "audio": to_capability("audio", mapping),
    "response_format": _read_format,
    "tools": lambda draft, value: _add_tools(draft, *read_tools(value, "tools")),
    "functions": _read_functions,
    "web_search_options": lambda draft, value: _add_tools(draft, (), (read_web_search(value),)),
    "tool_choice": to_capability("tool_choice", read_choice),
    "function_call": lambda draft, value: draft.capabilities.setdefault("tool_choice", read_legacy_choice(value)),
}
