"""Prompt cache marks of the Messages API and of Converse: set by the client on parts and tools, or placed by a policy."""

from collections.abc import Iterator

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import PromptCachePolicy
from omnillm.protocols.anthropic_messages.place import Place
from omnillm.protocols.differences.cache_marks import POLICY, Anchors, Mark, beyond_most, drop_key, lengthen, policy_mark
from omnillm.protocols.differences.turns import Block


def set_marks(policy: PromptCachePolicy | None, anchors: Anchors, messages: list[Block], place: Place) -> None:
    """Do what the policy asks, and see to what a request may have of marks, those of its own protocol's clients apart: at most four.

    ProtocolError: one is required, and has a key, or cannot stand where the policy wants it.
    """
    if policy is None and not place.marks:
        return
    if policy is not None:
        _place_policy(policy, anchors, place)
    _take_off(beyond_most(place.marks), f"{place.host} takes four {place.marks_word}", place)
    if len(place.marks) > 1 and not place.is_own:
        lengthen((*anchors.tools, *anchors.system, *_blocks_of(messages)), place.mark_member, place.marks, place.losses)


def _place_policy(policy: PromptCachePolicy, anchors: Anchors, place: Place) -> None:
    losses = place.losses
    losses.drop_extensions(policy.vendor_extensions, f"{POLICY}.", place.unknown)
    if policy.mode == "disabled":
        _take_off(place.marks, "the prompt cache is disabled", place)
        place.marks.clear()
        return
    blocks = anchors.at(policy.breakpoint)
    if policy.mode == "required" and (reason := place.why_no_mark(blocks)):
        raise ProtocolError(f"The required prompt cache {reason}.", reason="unsupported_feature")
    drop_key(policy, losses, place.host)
    if not blocks:
        losses.drop(f"{POLICY}.breakpoint", "there is nothing where the mark would stand")
    elif place.mark_member not in blocks[-1]:
        place.mark(blocks, policy_mark(policy), POLICY)


def _take_off(marks: list[Mark], detail: str, place: Place) -> None:
    for owner, path in marks:
        owner.pop(place.mark_member, None)
        place.losses.drop(f"{path}.cache_control", detail)


def _blocks_of(messages: list[Block]) -> Iterator[Block]:
    """In the order of the prompt: what a result holds comes before what is said of the result."""
    for message in messages:
        for block in message["content"]:
            content = block.get("content")
            if type(content) is list:
                yield from content
            yield block
