"""What a translated request must know about its host and model: differences within one protocol, as data."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from omnillm.pricing.hosts import section_of
from omnillm.protocols.codec import Dialect
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, BEDROCK_CONVERSE, GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS, OPENAI_CHAT
from omnillm.providers.efforts import efforts_of, levels_of, rests
from omnillm.providers.endpoint import Endpoint

_CLAUDE = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d+)(?:[-.](\d{1,2}))?(?![0-9])")
_ADAPTIVE_SINCE = {"opus": (4, 7), "sonnet": (5, 0), "haiku": (5, 0), "fable": (5, 0), "mythos": (5, 0)}
"""From this generation on a Claude model takes no sampling parameters and no budget of thinking, but an effort."""
_ALWAYS_THINKS_SINCE = {"opus": (5, 5), "sonnet": (5, 5), "fable": (0, 0), "mythos": (0, 0)}
"""From this generation on a Claude model refuses thinking.type disabled."""
_BETWEEN_TOOLS_SINCE = {"sonnet": (5, 5)}
"""From this generation on it takes between_tools in its place."""
_NEVER_FORCED_SINCE = {"opus": (5, 5), "sonnet": (5, 5), "fable": (5, 1), "mythos": (5, 1)}
"""From this generation on a Claude model refuses to be forced to call a tool."""
_USER_LAST_SINCE = {"opus": (4, 6), "sonnet": (4, 6), "haiku": (5, 0), "fable": (0, 0), "mythos": (0, 0)}
"""From this generation on a Claude model refuses a conversation that ends with its own words."""
_GEMINI = re.compile(r"gemini-(\d+)")
_GEMINI_LEVELS_SINCE = 3
OPENAI_KINDS = frozenset({"openai", "azure_openai"})
_SEES = re.compile(r"deepseek.*flash")
"""DeepSeek's models that are shown pictures, beside texts that are one string."""
_OF_VENDOR: Final[Mapping[str, Mapping[str, Any]]] = {
    "cerebras": {"thoughts_member": "reasoning"},
    "deepseek": {"needs_thoughts": True, "takes_schemas": False},
    "groq": {
        "thoughts_member": "reasoning",
        "members": dict.fromkeys(("top_k", "n", "logprobs", "top_logprobs", "logit_bias", "service_tier"), ""),
    },
    "mistral": {
        "thoughts_member": "",
        "id_length": 9,
        "has_documents": True,
        "has_strict_turns": True,
        "members": {"seed": "random_seed"} | dict.fromkeys(("top_k", "user", "logprobs", "top_logprobs", "logit_bias", "service_tier"), ""),
    },
    "moonshot": {"needs_thoughts": True},
    "xai": {"members": dict.fromkeys(("top_k", "presence_penalty", "frequency_penalty"), "")},
}
"""Vendor of a host -> what it takes in Chat, in the words of `Dialect`."""
_UNHELD = re.compile(r"(?:amazon|meta|cohere|ai21|writer|xai)\.|claude-(?:3|fable|opus-4-1|(?:opus|sonnet)-4-2025)")
"""Models of Bedrock that hold neither an answer nor a call to a schema, and refuse to be asked to."""
_O_SERIES = re.compile(r"(?:^|/)o[134](?:-|$)")
_SWITCHES: Final[Mapping[str, re.Pattern[str]]] = {"deepseek": re.compile(""), "moonshot": re.compile(r"kimi-k2[.-]?[56]")}
"""Vendor of a host -> its models that think unless they are told not to, and meanwhile let no call of a tool be forced."""


def dialect_of(endpoint: Endpoint, *, provider: str, protocol: str, model: str, default_max_tokens: int) -> Dialect:
    """`default_max_tokens`: the model's own maximum, or what the configuration says, for the protocol that needs one."""
    is_openai = endpoint.kind in OPENAI_KINDS
    is_adaptive = _is_claude_since(model, _ADAPTIVE_SINCE)
    own_cap = endpoint.chat_cap_member if protocol == OPENAI_CHAT else ""
    is_new_gemini = _is_new_gemini(model)
    vendor = section_of(endpoint.kind, urlsplit(endpoint.origin_url).hostname or "")
    efforts = efforts_of(vendor, model) if protocol.startswith("openai") else None
    if protocol in {GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS}:
        efforts = levels_of(model)
    return Dialect(
        provider=provider,
        default_max_tokens=default_max_tokens,
        accepts_sampling=not is_adaptive,
        thinks_adaptively=is_adaptive,
        thinks_between_tools=protocol == ANTHROPIC_MESSAGES and _is_claude_since(model, _BETWEEN_TOOLS_SINCE),
        forces_calls=not _is_claude_since(model, _NEVER_FORCED_SINCE),
        takes_last_word=not _is_claude_since(model, _USER_LAST_SINCE),
        system_role=endpoint.system_role,
        takes_parts=endpoint.content == "parts",
        takes_pictures=_SEES.search(model) is not None,
        output_cap_member=own_cap or "max_completion_tokens",
        is_openai=is_openai,
        has_web_search=is_openai and "search" in model,
        knows_all_members=not endpoint.is_narrow,
        can_stop_thinking=_can_stop_thinking(protocol, model, efforts),
        efforts=efforts,
        rests=rests(vendor, model),
        thinks_in_levels=is_new_gemini,
        is_vertex=endpoint.kind == "vertex_ai",
        takes_penalties=endpoint.kind == "vertex_ai" and not is_new_gemini,
        joins_tools=is_new_gemini,
        switches_thoughts=(found := _SWITCHES.get(vendor)) is not None and found.search(model) is not None,
        **_of_host(vendor, protocol, model),
    )


def _of_host(vendor: str, protocol: str, model: str) -> Mapping[str, Any]:
    if protocol == BEDROCK_CONVERSE:
        return {"takes_schemas": _UNHELD.search(model) is None}
    if protocol != OPENAI_CHAT:
        return {}
    if vendor in OPENAI_KINDS and _O_SERIES.search(model):
        return {"members": {"parallel_tool_calls": ""}}
    if vendor == "xai" and "non-reasoning" not in model:
        return {"members": {**_OF_VENDOR["xai"]["members"], "stop": ""}}
    return _OF_VENDOR.get(vendor, {})


def _can_stop_thinking(protocol: str, model: str, efforts: tuple[str, ...] | None) -> bool:
    if protocol == GEMINI_GENERATE_CONTENT:
        # Gemini's larger models refuse a budget of 0, and those that know no minimum.
        return "-pro" not in model and (efforts is None or "minimal" in efforts)
    if not protocol.startswith("openai"):
        return not _is_claude_since(model, _ALWAYS_THINKS_SINCE)
    return efforts is not None and "none" in efforts


def _is_claude_since(model: str, since: dict[str, tuple[int, int]]) -> bool:
    found = _CLAUDE.search(model)
    if found is None or found[1] not in since:
        return False
    return (int(found[2]), int(found[3] or 0)) >= since[found[1]]


def _is_new_gemini(model: str) -> bool:
    """Names without a number ("gemini-flash-latest", an operator's own name) count as new."""
    found = _GEMINI.search(model)
    return found is None or int(found[1]) >= _GEMINI_LEVELS_SINCE
