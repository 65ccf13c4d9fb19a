"""Cache points of Converse: at most four a request, after marked parts and tools or where a policy wants one."""

from typing import Any

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import (
    Auto,
    CacheBreakpoint,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    PromptCachePolicy,
    PromptCacheRetention,
)
from omnillm.model.message import CacheControl
from omnillm.protocols.bedrock_converse.writer import Block, Writer

_MOST = 4
_PATH = "capabilities.prompt_cache"
_TTLS = {PromptCacheRetention.PROVIDER_DEFAULT: "", PromptCacheRetention.SHORT: "5m", PromptCacheRetention.LONG: "1h"}


class Anchors:
    """Where a policy can put its point: known once everything is written."""

    __slots__ = ("_message_index", "message", "system", "tools")

    def __init__(self, policy: PromptCachePolicy | None) -> None:
        at = policy.breakpoint if policy is not None else None
        self._message_index = at.index if isinstance(at, EndOfMessage) else -1
        self.message: list[Block] = []
        self.system: list[Block] = []
        self.tools: list[Block] = []

    def see_message(self, index: int, content: list[Block]) -> None:
        if index == self._message_index:
            self.message = content


def place_policy(policy: PromptCachePolicy, anchors: Anchors, writer: Writer) -> set[int]:
    """Do what the policy asks; return the identities of the points to be taken off again.

    ProtocolError: it is required, and the model takes no point, or there is nothing after which it could stand.
    """
    losses = writer.losses
    writer.drop_extensions(policy.vendor_extensions, _PATH)
    if policy.mode == "disabled":
        return _given_up(writer.marks, writer, "the prompt cache is disabled")
    if policy.key is not None:
        losses.drop(f"{_PATH}.key", "Converse caches without a key")
    blocks = _anchor(policy.breakpoint, anchors)
    if policy.mode == "required" and not (blocks and writer.takes_point(blocks)):
        reason = "the model takes no cache points there" if blocks or not writer.is_caching else "there is nothing where its breakpoint is"
        raise ProtocolError(f"The required prompt cache cannot be had: {reason}.", reason="unsupported_feature")
    if not blocks:
        losses.drop(f"{_PATH}.breakpoint", "there is nothing where the mark would stand")
    elif "cachePoint" not in blocks[-1]:
        writer.mark(blocks, CacheControl(ttl=_TTLS[policy.retention]), _PATH)
    return set()


def _anchor(breakpoint_: CacheBreakpoint, anchors: Anchors) -> list[Block]:
    if isinstance(breakpoint_, EndOfMessage):
        return anchors.message
    if anchors.tools and isinstance(breakpoint_, Auto | EndOfTools):
        return anchors.tools
    return anchors.system if isinstance(breakpoint_, Auto | EndOfInstructions) else []


def excess(writer: Writer) -> set[int]:
    """Return the identities of the points beyond four: the first of them, but never the policy's; a later one covers what they do."""
    marks = writer.marks
    others = [mark for mark in marks if mark[1] != _PATH]
    return _given_up(others[: max(len(marks) - _MOST, 0)], writer, "Converse takes four cache points")


def _given_up(marks: list[tuple[Block, str]], writer: Writer, detail: str) -> set[int]:
    for _, path in marks:
        writer.losses.drop(f"{path}.cache_control", detail)
    return {id(block) for block, _ in marks}


def without(blocks: list[Any], taken_off: set[int]) -> list[Any]:
    return [block for block in blocks if id(block) not in taken_off]
