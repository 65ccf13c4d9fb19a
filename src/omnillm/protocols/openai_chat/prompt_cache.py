"""The prompt cache: breakpoints on parts, and the key, retention and options of a request.

OpenAI's own breakpoints are `prompt_cache_breakpoint`; clients of OpenRouter and LiteLLM write `cache_control`, as Anthropic's do.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from msgspec.structs import replace

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import (
    Auto,
    CacheBreakpoint,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    ExplicitKey,
    PromptCachePolicy,
    PromptCacheRetention,
)
from omnillm.model.message import SYSTEM_ROLES, CacheControl, Message, RequestItem
from omnillm.protocols.dialects import Dialect
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.place import Place
from omnillm.protocols.position import Position
from omnillm.protocols.shapes import Unfit, mapping, optional_text, text

BREAKPOINT = "prompt_cache_breakpoint"
_MARK = "cache_control"
MARKS = frozenset({BREAKPOINT, _MARK})
_TERMS = {"": "", "30m": "30m", "12h": "12h", "5m": "30m", "1h": "12h"}
"""Lifetimes that OpenAI knows, for those that clients write: never a shorter one."""
_OWN_TERMS = frozenset({"", "30m", "12h"})
_WORD_OF_RETENTION = {PromptCacheRetention.SHORT: "in_memory", PromptCacheRetention.LONG: "24h"}
_RETENTION_OF_WORD = {word: retention for retention, word in _WORD_OF_RETENTION.items()}
POLICY = frozenset({"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"})
_OPTIONS = frozenset({"mode", "ttl"})
_OPTION_TERMS = frozenset({None, "30m"})
"""Of a whole request; its breakpoints may ask for longer ones."""
_CONFIG = "capabilities.prompt_cache"
_CANNOT_BE_TOLD = "The host cannot be told to cache the prompt: give a cache key or ask for best effort."


def mark_of(part: dict[str, Any]) -> CacheControl | None:
    """Read the mark of a part, in either spelling."""
    if part.get(BREAKPOINT) is not None:
        return breakpoint_of(part)
    said = part.get(_MARK)
    return None if said is None else CacheControl(ttl=optional_text(mapping(said, _MARK), "ttl", _MARK))


def breakpoint_of(part: dict[str, Any]) -> CacheControl | None:
    """Read the mark of a part in OpenAI's own spelling."""
    said = part.get(BREAKPOINT)
    if said is None:
        return None
    if mapping(said, BREAKPOINT).get("mode", "explicit") != "explicit":
        raise Unfit(f"{BREAKPOINT}.mode", '"explicit"')
    return CacheControl(ttl=optional_text(said, "ttl", BREAKPOINT))


def written_breakpoint(mark: CacheControl, place: Position[Dialect]) -> dict[str, str]:
    """Write a mark in OpenAI's own spelling, with a lifetime that OpenAI knows."""
    if mark.ttl not in _OWN_TERMS:
        place.approximate(".cache_control.ttl", "OpenAI keeps a prefix for 30m or 12h")
    term = _TERMS.get(mark.ttl, "")
    return {"mode": "explicit", "ttl": term} if term else {"mode": "explicit"}


def write_mark(out: dict[str, Any], mark: CacheControl, place: Place) -> None:
    if not place.takes_marks:
        place.drop(".cache_control", "the prompt cache is disabled")
    elif place.is_openai:
        out[BREAKPOINT] = written_breakpoint(mark, place)
    elif not place.is_own:
        place.drop(".cache_control", "the host caches by its own rules")
    elif mark.ttl in {"30m", "12h"}:
        out[BREAKPOINT] = {"mode": "explicit", "ttl": mark.ttl}
    else:
        out[_MARK] = {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}


def policy_of(body: dict[str, Any]) -> PromptCachePolicy | None:
    """Read the policy; None where the request says nothing of a cache."""
    if POLICY.isdisjoint(body):
        return None
    key, retention, options = map(body.get, ("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"))
    if key is None and retention is None and options is None:
        return None
    kept = PromptCacheRetention.PROVIDER_DEFAULT
    if retention is not None:
        word = text(retention, "prompt_cache_retention").replace("-", "_")
        if word not in _RETENTION_OF_WORD:
            raise Unfit("prompt_cache_retention", '"in_memory" or "24h"')
        kept = _RETENTION_OF_WORD[word]
    return PromptCachePolicy(
        key=None if key is None else ExplicitKey(value=text(key, "prompt_cache_key")),
        retention=kept,
        vendor_extensions={} if options is None else mapping(options, "prompt_cache_options"),
    )


def write_policy(policy: PromptCachePolicy, body: dict[str, Any], place: Place) -> None:
    if policy.mode == "disabled":
        place.losses.approximate(_CONFIG, "nothing is asked; the host may cache by its own rules")
        return
    asked = len(body)
    policy = _takeable(policy, place)
    write_terms(policy, body, place.losses)
    if policy.vendor_extensions:
        _write_options(policy, body, place)
    if policy.mode == "required" and len(body) == asked and not place.is_openai:
        raise ProtocolError(_CANNOT_BE_TOLD, reason="unsupported_feature")
    if len(body) == asked and policy.breakpoint == Auto():
        place.losses.approximate(_CONFIG, "the host caches by its own rules")


def write_terms(policy: PromptCachePolicy, body: dict[str, Any], losses: Losses) -> None:
    """Write the key and the retention."""
    if isinstance(policy.key, ExplicitKey):
        body["prompt_cache_key"] = policy.key.value
    elif policy.key is not None:
        losses.drop(f"{_CONFIG}.key", "the key was not made")
    retention = _WORD_OF_RETENTION.get(policy.retention)
    if retention is not None:
        body["prompt_cache_retention"] = retention


def _takeable(policy: PromptCachePolicy, place: Place) -> PromptCachePolicy:
    """Leave out, and tell, what a compatible host may refuse."""
    if place.takes_openai_members:
        return policy
    if policy.mode == "required":
        raise ProtocolError(_CANNOT_BE_TOLD, reason="unsupported_feature")
    if policy.key is not None:
        place.losses.drop(f"{_CONFIG}.key", "the host may refuse it")
    if policy.retention in _WORD_OF_RETENTION:
        place.losses.drop(f"{_CONFIG}.retention", "the host may refuse it")
    place.losses.drop_extensions(policy.vendor_extensions, f"{_CONFIG}.", "the host may refuse it")
    return replace(policy, key=None, retention=PromptCacheRetention.PROVIDER_DEFAULT, vendor_extensions={})


def _write_options(policy: PromptCachePolicy, body: dict[str, Any], place: Place) -> None:
    options = policy.vendor_extensions
    written = options if place.is_own else {name: value for name, value in options.items() if name in _OPTIONS}
    if not place.is_own and written.get("ttl") not in _OPTION_TERMS:
        written = {name: value for name, value in written.items() if name != "ttl"}
    for name in options.keys() - written.keys():
        place.losses.drop(f"{_CONFIG}.vendor_extensions.{name}", "Chat has no such option")
    if written:
        body["prompt_cache_options"] = written


def with_breakpoint(items: Sequence[RequestItem], policy: PromptCachePolicy, place: Place) -> Sequence[RequestItem]:
    """Put the policy's breakpoint as a mark on the last part before it."""
    wanted = policy.breakpoint
    if wanted == Auto() or policy.mode == "disabled":
        return items
    where = f"{_CONFIG}.breakpoint"
    if not place.is_openai:
        place.losses.drop(where, "the host caches by its own rules")
        return items
    if isinstance(wanted, EndOfTools):
        place.losses.drop(where, "Chat has no breakpoint after the tools")
        return items
    number = message_before(wanted, items)
    if number is None:
        place.losses.drop(where, "the request has no such message")
        return items
    place.losses.move(where, "said on the part before it")
    return with_mark(items, number)


def message_before(wanted: CacheBreakpoint, items: Sequence[RequestItem]) -> int | None:
    """Return the number of the message, one with parts, at whose end a breakpoint stands; None: there is none."""
    messages = [(number, item) for number, item in enumerate(items) if type(item) is Message]
    if isinstance(wanted, EndOfMessage):
        found = [(number, item) for number, item in messages if item.role not in SYSTEM_ROLES][wanted.index : wanted.index + 1]
    elif isinstance(wanted, EndOfInstructions):
        leading = takewhile(lambda numbered: numbered[1].role in SYSTEM_ROLES, messages)
        found = [(number, item) for number, item in leading if item.parts][-1:]
    else:
        found = []
    return found[0][0] if found and found[0][1].parts else None


def with_mark(items: Sequence[RequestItem], number: int) -> Sequence[RequestItem]:
    """Return the items with a mark on the last part of one, a message."""
    message = items[number]
    assert type(message) is Message
    last = message.parts[-1]
    if last.cache_control is not None:
        return items
    marked = replace(message, parts=(*message.parts[:-1], replace(last, cache_control=CacheControl())))
    return [*items[:number], marked, *items[number + 1 :]]
