"""The policy of the prompt cache, written: OpenAI caches by itself, and takes a key, a retention, options and breakpoints on content."""

from collections.abc import Sequence
from typing import Any

from omnillm.model.capabilities import Auto, PromptCachePolicy
from omnillm.model.message import File, ImageBase64, ImageFile, ImageUrl, Message, MessageRole, RequestItem, Text
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.prompt_cache import message_before, with_mark, write_terms
from omnillm.protocols.openai_responses.place import Place

_PATH = "capabilities.prompt_cache"
_SHARED_OPTIONS = frozenset({"mode", "ttl"})
"""Chat's requests have them too."""
_MARKED = frozenset({Text, ImageUrl, ImageBase64, ImageFile, File})


def write_policy(policy: PromptCachePolicy, body: dict[str, Any], place: Place) -> None:
    losses = place.losses
    if policy.mode == "disabled":
        losses.approximate(_PATH, "nothing is asked; OpenAI may cache by its own rules")
        return
    write_terms(policy, body, losses)
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


def with_breakpoint(items: Sequence[RequestItem], policy: PromptCachePolicy, losses: Losses) -> Sequence[RequestItem]:
    """Put the policy's breakpoint as a mark on the last part before it; where there is none that can bear it, OpenAI's own rules hold."""
    wanted = policy.breakpoint
    if policy.mode == "disabled" or wanted == Auto():
        return items
    path = f"{_PATH}.breakpoint"
    number = message_before(wanted, items)
    if number is None or not _bears_mark(items[number]):
        losses.approximate(path, "OpenAI caches by its own rules there")
        return items
    losses.move(path, "said on the part before it")
    return with_mark(items, number)


def _bears_mark(item: RequestItem) -> bool:
    """Tell whether a message, one with parts, can end with a mark: only what is said to the model bears one."""
    return type(item) is Message and item.role is not MessageRole.ASSISTANT and type(item.parts[-1]) in _MARKED
