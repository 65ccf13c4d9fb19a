"""The extras of a request, read in each protocol's words.

They are read only if the peek named members that decide the price (`RequestPeek.price_members`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from omnillm.protocols.extras import UNCAPPED_TOOL, Asked, is_count
from omnillm.protocols.members import repeats_a_name
from omnillm.protocols.priced_converse import MODEL_FIELDS, TOOL_CONFIG, read_guardrail, read_model_fields, read_tool_config
from omnillm.protocols.priced_gemini import read_agent, read_environment, read_generate_content_tools, read_interaction_tools
from omnillm.protocols.priced_messages import read_edits, read_mcp_servers, read_thread, read_tools
from omnillm.protocols.protocol import Members

OPENROUTER: Final = frozenset({"models", "plugins", "provider", "stop_server_tools_when"})
"""OpenRouter's, in each protocol: another model or host at its own price, what is paid apart, and more turns than the caps allow."""


def read_asked(protocol: str, members: Members, price_members: tuple[str, ...], n: int) -> Asked:
    """Never raises: what cannot be read is unbounded."""
    asked = Asked()
    readers = _READERS.get(protocol, {})
    for name in price_members:
        read = readers.get(name)
        if read is None:
            asked.refuse(name)
            continue
        try:
            if name in members:
                _refuse_repeated(asked, name, members)
            read(asked, _value(members, name), members)
        except (msgspec.MsgspecError, AttributeError, LookupError, TypeError, ValueError):
            asked.refuse(name)
    asked.turns += asked.compactions
    asked.output_turns += asked.compactions
    asked.calls *= n
    asked.untold_calls *= n
    asked.more_output *= n
    return asked


def _value(members: Members, name: str) -> Any:
    raw = members.get(name)
    return None if raw is None else msgspec.json.decode(raw)


Reader = Callable[[Asked, Any, Members], None]


def _harmless(asked: Asked, value: Any, members: Members) -> None:
    """What has its own rate and is counted in the usage (audio), or has no price (a container that exists already)."""


def _unseen(asked: Asked, value: Any, _: Members) -> None:
    asked.has_unseen_input = asked.has_unseen_input or bool(value)


def _tier(standard: frozenset[str]) -> Reader:
    def read(asked: Asked, value: Any, _: Members) -> None:
        word = "" if value is None else value.lower().removeprefix("service_tier_")
        if word not in standard:
            asked.tier = word

    return read


def served_tier(told: Any) -> str | None:
    """A reply's word for its tier, as price lists call it; None: it tells nothing."""
    if not isinstance(told, str):
        return None
    return "" if told in _STANDARD else told


def _place(asked: Asked, value: Any, _: Members) -> None:
    asked.place = "" if value in {None, "global"} else value


def _chat_search(asked: Asked, value: Any, _: Members) -> None:
    if value is not None:
        asked.tools.add("web_search")
        asked.calls += 1  # a model that searches does so once, before it writes
        asked.untold_calls += 1
        asked.has_unseen_input = True


CHAT_OWN: Final = frozenset({"", "function", "custom"})
"""Tools that the client runs. Hosts have others, which they run and are paid for by the call."""


def _chat_tools(asked: Asked, value: Any, _: Members) -> None:
    for tool in value or ():
        if tool.get("type", "") not in CHAT_OWN:
            asked.refuse(f"the tool {tool['type']}", UNCAPPED_TOOL)


def _enable_search(asked: Asked, value: Any, _: Members) -> None:
    if value:
        asked.refuse("enable_search")


def may_name_a_mode(reasoning: msgspec.Raw) -> bool:
    """Whether this member asks for more than effort: nearly none does, and each call of an agent has it."""
    raw = bytes(reasoning)
    return b"mode" in raw or b"\\" in raw


def _reasoning(asked: Asked, value: Any, _: Members) -> None:
    """In OpenAI's pro mode several work on the answer, and all that they read and write is added up, beyond any cap."""
    if isinstance(value, dict) and value.get("mode") not in {None, "standard"}:
        asked.refuse("reasoning", "what its mode costs nothing caps")


def _prediction(asked: Asked, _: Any, members: Members) -> None:
    """The part of a prediction that the answer does not have is paid like output."""
    asked.more_output += len(members["prediction"])


def _tier_under(name: str, standard: frozenset[str]) -> Reader:
    """A reader for Bedrock, where the tier is a member of an object."""
    read = _tier(standard)
    return lambda asked, value, members: read(asked, (value or {}).get(name), members)


# OpenAI Responses


def _multi_agent(asked: Asked, value: Any, _: Members) -> None:
    """OpenAI limits neither how many agents there are in all nor what they read."""
    if value is not None and value["enabled"]:
        asked.refuse("multi_agent")


def _background(asked: Asked, value: Any, _: Members) -> None:
    asked.goes_on = bool(value)


def _responses_tools(asked: Asked, value: Any, members: Members) -> None:
    most = _value(members, "max_tool_calls")
    for tool in value or ():
        name = next((paid for paid in RESPONSES_PAID if tool["type"].startswith(paid)), "")
        if name:
            asked.tools.add(name)
        elif tool["type"] not in RESPONSES_OWN:
            asked.refuse(f"the tool {tool['type']}", UNCAPPED_TOOL)
    if asked.tools and not is_count(most):
        asked.refuse("tools", "max_tool_calls bounds them")
    elif asked.tools:
        asked.calls = most
        asked.turns = most + 1


def _prompt(asked: Asked, value: Any, members: Members) -> None:
    """A prompt that OpenAI keeps brings in text, and perhaps tools, that the body does not show."""
    if value is None:
        return
    asked.has_unseen_input = True
    most = _value(members, "max_tool_calls")
    if not is_count(most):
        asked.refuse("prompt", "max_tool_calls bounds the tools that it may have")
    else:
        asked.calls, asked.turns = max(asked.calls, most), max(asked.turns, most + 1)


RESPONSES_PAID: Final = (
    *("web_search", "file_search", "code_interpreter"),
    *("code_execution", "x_search"),  # xAI's
    *("fetch_url", "image_search", "people_search", "finance_search", "sandbox"),  # Perplexity's
)
RESPONSES_OWN: Final = frozenset(
    {"", "function", "custom", "namespace", "apply_patch", "local_shell", "computer", "computer_use_preview", "tool_search"}
)
"""Tools that the client runs. Any other is paid by the call, or by the further turns that it causes."""


def _compaction(asked: Asked, value: Any, _: Members) -> None:
    if value:
        asked.compact()


def _refuse_repeated(asked: Asked, name: str, members: Members) -> None:
    if repeats_a_name(bytes(members[name])):
        asked.refuse(name, "a member of it stands twice")


_STANDARD: Final = frozenset({"", "auto", "default", "standard", "scale", "on_demand"})  # the last is Groq's
_OPENAI_TIER: Final = _tier(_STANDARD)
_MESSAGES: Final[Mapping[str, Reader]] = {
    "service_tier": _tier(frozenset({"", "auto", "standard_only", "standard"})),
    "speed": _tier(frozenset({"", "standard"})),
    "inference_geo": _place,
    "tools": read_tools,
    "mcp_servers": read_mcp_servers,
    "container": _harmless,
    "context_management": read_edits,
    "compaction": _compaction,
    "thread": read_thread,
}
_READERS: Final[Mapping[str, Mapping[str, Reader]]] = {
    "openai_chat": {
        "service_tier": _OPENAI_TIER,
        "web_search_options": _chat_search,
        "modalities": _harmless,
        "audio": _harmless,
        "prediction": _prediction,
        "tools": _chat_tools,
        "enable_search": _enable_search,
        "reasoning": _reasoning,
    },
    "openai_responses": {
        "service_tier": _OPENAI_TIER,
        "tools": _responses_tools,
        "previous_response_id": _unseen,
        "conversation": _unseen,
        "prompt": _prompt,
        "background": _background,
        "context_management": _compaction,
        "reasoning": _reasoning,
        "multi_agent": _multi_agent,
    },
    "anthropic_messages": _MESSAGES,
    "bedrock_invoke": _MESSAGES,
    "gemini_generate_content": {
        "serviceTier": _tier(frozenset({"", "standard", "unspecified"})),
        "service_tier": _tier(frozenset({"", "standard", "unspecified"})),
        "cachedContent": _unseen,
        "cached_content": _unseen,
        "continuationToken": _unseen,
        "continuation_token": _unseen,
        "tools": read_generate_content_tools,
        "generationConfig.responseModalities": _harmless,
    },
    "gemini_interactions": {
        "service_tier": _tier(frozenset({"", "standard"})),
        "previous_interaction_id": _unseen,
        "cached_content": _unseen,
        "continuation_token": _unseen,
        "background": _background,
        "tools": read_interaction_tools,
        "agent": read_agent,
        "environment": read_environment,
    },
    "bedrock_converse": {
        "serviceTier": _tier_under("type", frozenset({"", "default"})),
        "performanceConfig": _tier_under("latency", frozenset({"", "standard"})),
        "guardrailConfig": read_guardrail,
        MODEL_FIELDS: read_model_fields,
        TOOL_CONFIG: read_tool_config,
    },
}
"""Protocol -> member -> what it adds. A member that has no reader (fallbacks, plugins, another model's price) is unbounded."""
READ_NAMES: Final = frozenset(name for readers in _READERS.values() for name in readers)
