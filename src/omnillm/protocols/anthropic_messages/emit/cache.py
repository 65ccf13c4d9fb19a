"""Prompt cache marks of the Messages API: at most four a request, set by the client on parts and tools or placed by a policy."""

from collections.abc import Iterator

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import PromptCachePolicy
from omnillm.protocols.anthropic_messages.place import UNKNOWN, Place
from omnillm.protocols.differences.cache_marks import POLICY, Anchors, Mark, beyond_most, drop_key, policy_mark
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.loss import Losses


def place_policy(policy: PromptCachePolicy, anchors: Anchors, place: Place) -> None:
    """Do what the policy asks. ProtocolError: it is required, and has a key, or nothing could bear the mark."""
    losses = place.losses
    losses.drop_extensions(policy.vendor_extensions, f"{POLICY}.", UNKNOWN)
    if policy.mode == "disabled":
        _take_off(place.marks, losses, "the prompt cache is disabled")
        place.marks.clear()
        return
    blocks = anchors.at(policy.breakpoint)
    if not blocks:
        if policy.mode == "required":
            message = "The required prompt cache has no place: there is nothing where its breakpoint is."
            raise ProtocolError(message, reason="unsupported_feature")
        losses.drop(f"{POLICY}.breakpoint", "there is nothing where the mark would stand")
    elif "cache_control" not in blocks[-1]:
        place.mark(blocks[-1], policy_mark(policy), POLICY)
    drop_key(policy, losses, "the Messages API")


def keep_few(place: Place) -> None:
    """Take off the marks beyond four."""
    _take_off(beyond_most(place.marks), place.losses, "the Messages API takes four marks")


def blocks_of(messages: list[Block]) -> Iterator[Block]:
    """In the order of the prompt: what a result holds comes before what is said of the result."""
    for message in messages:
        for block in message["content"]:
            content = block.get("content")
            if type(content) is list:
                yield from content
            yield block


def _take_off(marks: list[Mark], losses: Losses, detail: str) -> None:
    for owner, path in marks:
        owner.pop("cache_control", None)
        losses.drop(f"{path}.cache_control", detail)
