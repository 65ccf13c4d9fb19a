"""Prompt cache marks of the Messages API and of Converse: set by the client on parts and tools, or placed by a policy."""

from collections.abc import Iterator

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import PromptCachePolicy
from omnillm.protocols.anthropic_messages.place import Place
from omnillm.protocols.differences.cache_marks import POLICY, Anchors, Mark, beyond_most, drop_key, lengthen, policy_mark
from omnillm.protocols.differences.turns import Block


def place_policy(policy: PromptCachePolicy, anchors: Anchors, place: Place) -> None:
    """Do what the policy asks. ProtocolError: it is required, and has a key, or no mark can stand where it wants one."""
    losses = place.losses
    losses.drop_extensions(policy.vendor_extensions, f"{POLICY}.", place.unknown)
    if policy.mode == "disabled":
        _take_off(place.marks, "the prompt cache is disabled", place)
        place.marks.clear()
        return
    blocks = anchors.at(policy.breakpoint)
    if policy.mode == "required" and (reason := place.refusal(blocks)):
        raise ProtocolError(f"The required prompt cache {reason}.", reason="unsupported_feature")
    drop_key(policy, losses, place.host)
    if not blocks:
        losses.drop(f"{POLICY}.breakpoint", "there is nothing where the mark would stand")
    elif place.mark_member not in blocks[-1]:
        place.mark(blocks, policy_mark(policy), POLICY)


def keep_few(place: Place) -> None:
    """Take off the marks beyond four."""
    _take_off(beyond_most(place.marks), f"{place.host} takes four {place.marks_word}", place)


def _take_off(marks: list[Mark], detail: str, place: Place) -> None:
    for owner, path in marks:
        owner.pop(place.mark_member, None)
        place.losses.drop(f"{path}.cache_control", detail)


def lengthen_marks(tools: list[Block], system: list[Block], messages: list[Block], place: Place) -> None:
    """Make marks as long as the longest behind them."""
    if len(place.marks) > 1:
        lengthen((*tools, *system, *_blocks_of(messages)), place.mark_member, place.marks, place.losses)


def _blocks_of(messages: list[Block]) -> Iterator[Block]:
    """In the order of the prompt: what a result holds comes before what is said of the result."""
    for message in messages:
        for block in message["content"]:
            content = block.get("content")
            if type(content) is list:
                yield from content
            yield block
