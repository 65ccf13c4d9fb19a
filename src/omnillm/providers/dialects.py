"""The dialect of a host and a model: differences within one protocol, as data."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from omnillm.pricing.hosts import section_of
from omnillm.protocols import protocol_names as names
from omnillm.protocols.dialects import ClaudeDialect, ConverseDialect, Dialect, GeminiDialect, OpenAiDialect, ResponsesDialect
from omnillm.providers.efforts import levels_of, version_of_gemini
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.hosts import host_of

_CLAUDE = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(?:latest|(\d+)(?:[-.](\d{1,2}))?(?![0-9]))")
_NEWEST_CLAUDE = (99, 0)
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
_ONE_ANSWER = re.compile(r"gemini-(?:[4-9]|\d\d)")
_NO_MAX_IN_CHAT = re.compile(r"gpt-(?:[6-9]|\d\d)")
OPENAI_KINDS = frozenset({"openai", "azure_openai"})
_UNHELD = re.compile(r"(?:amazon|meta|cohere|ai21|writer|xai)\.|claude-(?:3|fable|opus-4-1|(?:opus|sonnet)-4-2025)")
"""Models of Bedrock that hold neither an answer nor a call to a schema, and refuse to be asked to."""
_UNSAMPLED = re.compile(r"openai\.gpt-(?!oss)|xai\.")
"""Models of Bedrock beside Claude's that refuse temperature and topP."""


def dialect_of(endpoint: Endpoint, *, provider: str, protocol: str, model: str, most_output: int, default_output: int) -> Dialect:
    """`most_output`: the model's own maximum, 0 if it is not known; `default_output`: then, for the protocol that needs a cap."""
    found = replace(_OF_PROTOCOL[protocol](endpoint, model), provider=provider, most_output=most_output)
    return replace(found, default_max_tokens=most_output or default_output) if isinstance(found, ClaudeDialect) else found


def _chat(endpoint: Endpoint, model: str) -> OpenAiDialect:
    host = host_of(_vendor(endpoint), model)
    is_openai = endpoint.kind in OPENAI_KINDS
    if host.efforts and _NO_MAX_IN_CHAT.search(model):
        host = replace(host, efforts=tuple(effort for effort in host.efforts if effort != "max"))
    return replace(
        host,
        is_openai=is_openai,
        has_web_search=is_openai and host.has_web_search,
        can_stop_thinking=_can_stop(host),
        system_role=endpoint.system_role,
        takes_parts=endpoint.content == "parts",
        output_cap_member=endpoint.chat_cap_member or host.output_cap_member,
    )


def _responses(endpoint: Endpoint, model: str) -> OpenAiDialect:
    host = host_of(_vendor(endpoint), model)
    return ResponsesDialect(
        is_openai=endpoint.kind in OPENAI_KINDS,
        efforts=host.efforts,
        rests=host.rests,
        can_stop_thinking=_can_stop(host),
        knows_all_members=not endpoint.is_narrow,
    )


def _vendor(endpoint: Endpoint) -> str:
    return section_of(endpoint.kind, urlsplit(endpoint.origin_url).hostname or "")


def _can_stop(host: OpenAiDialect) -> bool:
    return host.efforts is not None and "none" in host.efforts


def _messages(_: Endpoint, model: str) -> ClaudeDialect:
    return ClaudeDialect(**_of_claude(model), thinks_between_tools=_is_claude_since(model, _BETWEEN_TOOLS_SINCE))


def _converse(_: Endpoint, model: str) -> ConverseDialect:
    found = ConverseDialect(**_of_claude(model), takes_schemas=_UNHELD.search(model) is None)
    return replace(found, accepts_sampling=False) if _UNSAMPLED.search(model) else found


def _of_claude(model: str) -> dict[str, Any]:
    is_adaptive = _is_claude_since(model, _ADAPTIVE_SINCE)
    return {
        "accepts_sampling": not is_adaptive,
        "thinks_adaptively": is_adaptive,
        "can_stop_thinking": not _is_claude_since(model, _ALWAYS_THINKS_SINCE),
        "forces_calls": not _is_claude_since(model, _NEVER_FORCED_SINCE),
        "takes_last_word": not _is_claude_since(model, _USER_LAST_SINCE),
    }


def _is_claude_since(model: str, since: dict[str, tuple[int, int]]) -> bool:
    found = _CLAUDE.search(model)
    if found is None or found[1] not in since:
        return False
    version = (int(found[2]), int(found[3] or 0)) if found[2] else _NEWEST_CLAUDE
    return version >= since[found[1]]


def _gemini(endpoint: Endpoint, model: str) -> GeminiDialect:
    version, is_vertex, levels = version_of_gemini(model), endpoint.kind == "vertex_ai", levels_of(model)
    is_new = version >= (3, 0)
    return GeminiDialect(
        # Gemini's larger models refuse a budget of 0, and those that know no minimum.
        can_stop_thinking="-pro" not in model and (levels is None or "minimal" in levels),
        efforts=levels,
        thinks_in_levels=is_new,
        is_vertex=is_vertex,
        takes_penalties=is_vertex and not is_new,
        joins_tools=is_new,
        takes_last_word=version < (3, 6) and "gemini-3.5-flash-lite" not in model,
        gives_one_answer=_ONE_ANSWER.search(model) is not None,
    )


_OF_PROTOCOL: Final[Mapping[str, Callable[[Endpoint, str], Dialect]]] = {
    names.OPENAI_CHAT: _chat,
    names.OPENAI_RESPONSES: _responses,
    names.ANTHROPIC_MESSAGES: _messages,
    names.BEDROCK_CONVERSE: _converse,
    names.GEMINI_GENERATE_CONTENT: _gemini,
    names.GEMINI_INTERACTIONS: _gemini,
}
