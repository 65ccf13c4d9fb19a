"""A client's request, read."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import (
    BuiltinTool,
    CapabilitySet,
    OutputModality,
    ReasoningCapability,
    StructuredOutputConfig,
    ToolDefinition,
)
from omnillm.model.message import Message, MessageRole, Opaque, Reasoning, Refusal, RequestItem, ToolCall, ToolResult
from omnillm.model.request import GenerationConfig, LlmRequest
from omnillm.protocols.envelope import unseal
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import assistant
from omnillm.protocols.openai_chat.parts import read_content
from omnillm.protocols.openai_chat.place import NAME, inside
from omnillm.protocols.openai_chat.prompt_cache import policy_of
from omnillm.protocols.openai_chat.tools import read_choice, read_legacy_choice, read_tools, read_web_search
from omnillm.protocols.shapes import Unfit, array, flag, integer, mapping, number, optional_flag, optional_text, rest, text


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:
    draft = _Draft(losses)
    extensions: dict[str, Any] = {}
    for name, value in body.items():
        if value is None:
            continue
        read = _MEMBERS.get(name)
        if read is not None:
            read(draft, value)
        elif name in _GENERATION:
            field, convert = _GENERATION[name]
            draft.generation[field] = convert(value, name)
        else:
            extensions[name] = value
    extensions |= draft.extensions
    return LlmRequest(
        model=text(body.get("model"), "model"),
        input=_read_messages(body.get("messages")),
        capabilities=draft.capability_set(body),
        generation=GenerationConfig(**draft.generation),
        protocol=NAME,
        vendor_extensions=extensions,
        **_fields(body, draft),
    )


class _Draft:
    """What the members of a body said so far, by the field's names."""

    __slots__ = ("capabilities", "extensions", "fields", "generation", "losses")

    def __init__(self, losses: Losses) -> None:
        self.losses = losses
        self.generation: dict[str, Any] = {}
        self.capabilities: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self.extensions: dict[str, Any] = {}

    def capability_set(self, body: dict[str, Any]) -> CapabilitySet:
        policy = policy_of(body)
        if policy is not None:
            self.capabilities["prompt_cache"] = policy
        return CapabilitySet(**self.capabilities) if self.capabilities else _NO_CAPABILITIES

    def add_tools(self, own: tuple[ToolDefinition, ...], builtin: tuple[BuiltinTool, ...]) -> None:
        for field, more in (("tools", own), ("builtin_tools", builtin)):
            if more:
                self.capabilities[field] = (*self.capabilities.get(field, ()), *more)


_NO_CAPABILITIES = CapabilitySet()


def _fields(body: dict[str, Any], draft: _Draft) -> dict[str, Any]:
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


def _unsaid(draft: _Draft, value: Any) -> None:
    """Read elsewhere."""


def _read_cap(draft: _Draft, value: Any) -> None:
    """`max_completion_tokens` wins over its deprecated name."""
    cap = integer(value, "max_completion_tokens", 1)
    if draft.generation.get("max_output_tokens", cap) != cap:
        draft.losses.drop("max_tokens", "max_completion_tokens says otherwise")
    draft.generation["max_output_tokens"] = cap


def _read_old_cap(draft: _Draft, value: Any) -> None:
    cap = integer(value, "max_tokens", 1)
    if draft.generation.setdefault("max_output_tokens", cap) != cap:
        draft.losses.drop("max_tokens", "max_completion_tokens says otherwise")


def _read_stop(draft: _Draft, value: Any) -> None:
    words = [value] if type(value) is str else array(value, "stop")
    draft.generation["stop"] = tuple(text(word, f"stop[{n}]") for n, word in enumerate(words))


def _read_effort(draft: _Draft, value: Any) -> None:
    effort = text(value, "reasoning_effort")
    draft.capabilities["reasoning"] = ReasoningCapability(mode="disabled" if effort == "none" else "", effort=effort)


def _read_modalities(draft: _Draft, value: Any) -> None:
    modalities = []
    for n, word in enumerate(array(value, "modalities")):
        if type(word) is not str or word not in _MODALITIES:
            raise Unfit(f"modalities[{n}]", "text, audio or image")
        modalities.append(_MODALITIES[word])
    draft.capabilities["modalities"] = tuple(modalities)


_MODALITIES = {modality.value: modality for modality in OutputModality}


def _read_format(draft: _Draft, value: Any) -> None:
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
            schema=schema.get("schema"),
            strict=optional_flag(schema, "strict", path),
            description=optional_text(schema, "description", path),
        )
    elif kind != "text":
        draft.extensions["response_format"] = value


_SCHEMA_MEMBERS = frozenset({"name", "schema", "strict", "description"})


def _read_tools(draft: _Draft, value: Any) -> None:
    draft.add_tools(*read_tools(value, "tools"))


def _read_functions(draft: _Draft, value: Any) -> None:
    draft.add_tools(*read_tools(value, "functions"))
    draft.losses.approximate("functions", "read as tools; calls are answered as tool_calls")


def _read_web_search(draft: _Draft, value: Any) -> None:
    draft.add_tools((), (read_web_search(value),))


def _read_choice(draft: _Draft, value: Any) -> None:
    draft.capabilities["tool_choice"] = read_choice(value)


def _read_legacy_choice(draft: _Draft, value: Any) -> None:
    draft.capabilities.setdefault("tool_choice", read_legacy_choice(value))


def _read_metadata(draft: _Draft, value: Any) -> None:
    draft.fields["metadata"] = {name: text(said, f"metadata.{name}") for name, said in mapping(value, "metadata").items()}


def _read_safety_identifier(draft: _Draft, value: Any) -> None:
    before = draft.fields.get("user_id")
    draft.fields["user_id"] = text(value, "safety_identifier")
    if before and before != value:
        draft.extensions["user"] = before


def _read_user(draft: _Draft, value: Any) -> None:
    user = text(value, "user")
    if draft.fields.setdefault("user_id", user) != user:
        draft.extensions["user"] = user


def _to_field(name: str, member: str, convert: Callable[[Any, str], Any]) -> Callable[[_Draft, Any], None]:
    def read(draft: _Draft, value: Any) -> None:
        draft.fields[name] = convert(value, member)

    return read


def _to_capability(name: str, convert: Callable[[Any, str], Any]) -> Callable[[_Draft, Any], None]:
    def read(draft: _Draft, value: Any) -> None:
        draft.capabilities[name] = convert(value, name)

    return read


_GENERATION: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "temperature": ("temperature", number),
    "top_p": ("top_p", number),
    "top_k": ("top_k", integer),
    "presence_penalty": ("presence_penalty", number),
    "frequency_penalty": ("frequency_penalty", number),
    "seed": ("seed", integer),
    "n": ("n", integer),
    "logprobs": ("logprobs", flag),
    "top_logprobs": ("top_logprobs", integer),
    "logit_bias": ("logit_bias", mapping),
    "verbosity": ("verbosity", text),
    "service_tier": ("service_tier", text),
}
_MEMBERS: dict[str, Callable[[_Draft, Any], None]] = {
    "model": _unsaid,
    "messages": _unsaid,
    "stream": _to_field("is_stream", "stream", flag),
    "stream_options": _unsaid,
    "max_completion_tokens": _read_cap,
    "max_tokens": _read_old_cap,
    "stop": _read_stop,
    "reasoning_effort": _read_effort,
    "modalities": _read_modalities,
    "audio": _to_capability("audio", mapping),
    "response_format": _read_format,
    "tools": _read_tools,
    "functions": _read_functions,
    "web_search_options": _read_web_search,
    "tool_choice": _read_choice,
    "function_call": _read_legacy_choice,
    "parallel_tool_calls": _to_capability("parallel_tool_calls", flag),
    "store": _to_field("store", "store", flag),
    "metadata": _read_metadata,
    "user": _read_user,
    "safety_identifier": _read_safety_identifier,
    "prompt_cache_key": _unsaid,
    "prompt_cache_retention": _unsaid,
    "prompt_cache_options": _unsaid,
}


def _read_messages(messages: Any) -> tuple[RequestItem, ...]:
    conversation = _Conversation()
    for n, message in enumerate(array(messages, "messages")):
        try:
            conversation.read(message)
        except Unfit as error:
            raise inside(error, f"messages[{n}]") from error
    return tuple(conversation.items)


class _Conversation:
    """The messages so far, and what their calls were: a result names its call only."""

    __slots__ = ("_custom", "_legacy", "items")

    def __init__(self) -> None:
        self.items: list[RequestItem] = []
        self._custom: set[str] = set()
        self._legacy = 0

    def read(self, message: Any) -> None:
        role = text(mapping(message, "").get("role"), "role")
        read = _ROLES.get(role)
        if read is None:
            raise Unfit("role", "system, developer, user, assistant, tool or function")
        self.items.append(read(self, message))

    def read_assistant(self, message: dict[str, Any]) -> Message:
        parts = assistant.read_parts(message, _unsealed)
        if message.get("function_call") is not None:
            self._legacy += 1
            parts = (*parts[:-1], replace(parts[-1], call_id=self._legacy_id))
        if message.get("tool_calls"):
            self._custom.update(part.call_id for part in parts if type(part) is ToolCall and part.kind == "custom")
        if len(message) == 2:
            return Message(role=MessageRole.ASSISTANT, parts=parts)
        return Message(
            role=MessageRole.ASSISTANT,
            parts=parts,
            name=optional_text(message, "name"),
            vendor_extensions=rest(message, assistant.MEMBERS),
        )

    def read_tool(self, message: dict[str, Any]) -> ToolResult:
        call_id = text(message.get("tool_call_id"), "tool_call_id")
        return ToolResult(
            call_id=call_id,
            content=self._results(message),
            name=optional_text(message, "name"),
            kind="custom" if call_id in self._custom else "function",
            vendor_extensions=rest(message, _TOOL_MEMBERS) if len(message) > 3 else {},
        )

    def read_function(self, message: dict[str, Any]) -> ToolResult:
        """Read the answer to the last `function_call`."""
        name = text(message.get("name"), "name")
        return ToolResult(call_id=self._legacy_id, content=self._results(message), name=name)

    def _results(self, message: dict[str, Any]) -> tuple[Any, ...]:
        content = read_content(message.get("content"))
        if not _NEVER_RESULTS.isdisjoint(map(type, content)):
            raise Unfit("content", "a string or an array of text parts")
        return content

    @property
    def _legacy_id(self) -> str:
        return f"{assistant.LEGACY_CALL_ID}_{self._legacy}"


def _unsealed(value: str) -> Opaque:
    return unseal(value, NAME)


def _plain(role: MessageRole) -> Callable[[_Conversation, dict[str, Any]], Message]:
    def read(conversation: _Conversation, message: dict[str, Any]) -> Message:  # noqa: ARG001 - the signature of the table
        parts = read_content(message.get("content"))
        if len(message) == 2:
            return Message(role=role, parts=parts)
        return Message(role=role, parts=parts, name=optional_text(message, "name"), vendor_extensions=rest(message, _PLAIN_MEMBERS))

    return read


_NEVER_RESULTS = frozenset({Refusal, Reasoning})
_PLAIN_MEMBERS = frozenset({"role", "content", "name"})
_TOOL_MEMBERS = frozenset({"role", "content", "name", "tool_call_id"})
_ROLES: dict[str, Callable[[_Conversation, dict[str, Any]], RequestItem]] = {
    "system": _plain(MessageRole.SYSTEM),
    "developer": _plain(MessageRole.DEVELOPER),
    "user": _plain(MessageRole.USER),
    "assistant": _Conversation.read_assistant,
    "tool": _Conversation.read_tool,
    "function": _Conversation.read_function,
}
