"""Cache points of Converse: at most four a request, after marked parts and tools or where a policy wants one."""

from typing import Any

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import PromptCachePolicy
from omnillm.protocols.bedrock_converse.place import Place
from omnillm.protocols.differences.cache_marks import POLICY, Anchors, Mark, beyond_most, drop_key, policy_mark


def place_policy(policy: PromptCachePolicy, anchors: Anchors, place: Place) -> set[int]:
    """Do what the policy asks; return the identities of the points to be taken off again.

    ProtocolError: it is required, and has a key, or the model takes no point, or there is nothing after which it could stand.
    """
    losses = place.losses
    place.drop_extensions(policy.vendor_extensions, POLICY)
    if policy.mode == "disabled":
        return _given_up(place.marks, place, "the prompt cache is disabled")
    blocks = anchors.at(policy.breakpoint)
    if policy.mode == "required" and not (blocks and place.takes_point(blocks)):
        reason = "the model takes no cache points there" if blocks or not place.is_caching else "there is nothing where its breakpoint is"
        raise ProtocolError(f"The required prompt cache cannot be had: {reason}.", reason="unsupported_feature")
    drop_key(policy, losses, "Converse")
    if not blocks:
        losses.drop(f"{POLICY}.breakpoint", "there is nothing where the mark would stand")
    elif "cachePoint" not in blocks[-1]:
        place.mark(blocks, policy_mark(policy), POLICY)
    return set()


def excess(place: Place) -> set[int]:
    """Return the identities of the points beyond four."""
    return _given_up(beyond_most(place.marks), place, "Converse takes four cache points")


def _given_up(marks: list[Mark], place: Place, detail: str) -> set[int]:
    for _, path in marks:
        place.losses.drop(f"{path}.cache_control", detail)
    return {id(block) for block, _ in marks}


def without(blocks: list[Any], taken_off: set[int]) -> list[Any]:
    return [block for block in blocks if id(block) not in taken_off]
