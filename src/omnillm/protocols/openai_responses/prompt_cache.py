"""The policy of the prompt cache, written: OpenAI caches by itself, and takes a key, a retention, options and breakpoints on content."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.capabilities import Auto, EndOfInstructions, EndOfMessage, ExplicitKey, PromptCachePolicy, PromptCacheRetention
from omnillm.model.message import CacheControl, File, ImageBase64, ImageFile, ImageUrl, Message, MessageRole, RequestItem, Text
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.place import Place

_PATH = "capabilities.prompt_cache"
_RETENTIONS = {PromptCacheRetention.SHORT: "in_memory", PromptCacheRetention.LONG: "24h"}
_SHARED_OPTIONS = frozenset({"mode", "ttl"})
"""Chat's requests have them too."""
_SYSTEM_ROLES = frozenset({MessageRole.SYSTEM, MessageRole.DEVELOPER})
_MARKED = frozenset({Text, ImageUrl, ImageBase64, ImageFile, File})


def write_policy(policy: PromptCachePolicy, body: dict[str, Any], place: Place) -> None:
    losses = place.losses
    if policy.mode == "disabled":
        losses.approximate(_PATH, "nothing is asked; OpenAI may cache by its own rules")
        return
    if isinstance(policy.key, ExplicitKey):
        body["prompt_cache_key"] = policy.key.value
    elif policy.key is not None:
        losses.drop(f"{_PATH}.key", "the key was not made")
    retention = _RETENTIONS.get(policy.retention)
    if retention is not None:
        body["prompt_cache_retention"] = retention
    if policy.vendor_extensions:
        _write_options(policy, body, place)
    if policy.mode == "required":
        losses.approximate(f"{_PATH}.mode", "OpenAI caches a prompt without a promise")
    if policy == PromptCachePolicy():
        losses.approximate(_PATH, "OpenAI caches by its own rules")


def _write_options(policy: PromptCachePolicy, body: dict[str, Any], place: Place) -> None:
    options = policy.vendor_extensions
    written = options if place.has_own_extensions else {name: value for name, value in options.items() if name in _SHARED_OPTIONS}
    for name in options.keys() - written.keys():
        place.losses.drop(f"{_PATH}.vendor_extensions.{name}", "Responses has no such option")
    if written:
        body["prompt_cache_options"] = written


def with_breakpoint(items: tuple[RequestItem, ...], policy: PromptCachePolicy, losses: Losses) -> tuple[RequestItem, ...]:
    """Put the policy's breakpoint as a mark on the last part before it; where there is none that can bear it, OpenAI's own rules hold."""
    wanted = policy.breakpoint
    if policy.mode == "disabled" or wanted == Auto():
        return items
    path = f"{_PATH}.breakpoint"
    number = None
    if isinstance(wanted, EndOfInstructions):
        number = _end_of_instructions(items)
    elif isinstance(wanted, EndOfMessage):
        number = _end_of_message(items, wanted.index)
    item = items[number] if number is not None else None
    if number is None or type(item) is not Message or not item.parts or type(item.parts[-1]) not in _MARKED:
        losses.approximate(path, "OpenAI caches by its own rules there")
        return items
    losses.move(path, "said on the part before it")
    last = item.parts[-1]
    if last.cache_control is None:
        item = replace(item, parts=(*item.parts[:-1], replace(last, cache_control=CacheControl())))
    return (*items[:number], item, *items[number + 1 :])


def _end_of_instructions(items: tuple[RequestItem, ...]) -> int | None:
    found = None
    for number, item in enumerate(items):
        if type(item) is not Message or item.role not in _SYSTEM_ROLES:
            break
        found = number
    return found


def _end_of_message(items: tuple[RequestItem, ...], index: int) -> int | None:
    """Return where the turn is that a breakpoint names; only what is said to the model bears a mark."""
    turns = -1
    for number, item in enumerate(items):
        if type(item) is Message and item.role not in _SYSTEM_ROLES:
            turns += 1
            if turns == index:
                return number if item.role is MessageRole.USER else None
    return None
