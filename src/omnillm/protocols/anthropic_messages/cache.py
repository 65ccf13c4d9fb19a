"""Prompt cache marks of the Messages API: at most four a request, set by the client on parts and tools or placed by a policy."""

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
from omnillm.protocols.anthropic_messages.block_writer import UNMARKED, Block, BlockWriter
from omnillm.protocols.loss import Losses

_MOST_MARKS = 4
_PATH = "capabilities.prompt_cache"
_TTLS = {PromptCacheRetention.PROVIDER_DEFAULT: "", PromptCacheRetention.SHORT: "5m", PromptCacheRetention.LONG: "1h"}


class Anchors:
    """Where a policy can set its mark: known once everything is written."""

    __slots__ = ("message", "message_index", "system", "tools")

    def __init__(self, policy: PromptCachePolicy | None) -> None:
        at = policy.breakpoint if policy is not None else None
        self.message_index = at.index if isinstance(at, EndOfMessage) else -1
        self.message: Block | None = None
        self.system: list[Block] = []
        self.tools: list[Block] = []

    def see_message(self, index: int, blocks: list[Block]) -> None:
        if index == self.message_index:
            self.message = next((block for block in reversed(blocks) if block["type"] not in UNMARKED), None)


def place_policy(policy: PromptCachePolicy, anchors: Anchors, writer: BlockWriter) -> None:
    """Do what the policy asks. ProtocolError: it is required and there is nothing that could bear the mark."""
    losses = writer.losses
    for name in policy.vendor_extensions:
        losses.drop(f"{_PATH}.vendor_extensions.{name}", "the Messages API does not know it")
    if policy.mode == "disabled":
        _take_off(writer.marks, losses, "the prompt cache is disabled")
        writer.marks.clear()
        return
    if policy.key is not None:
        losses.drop(f"{_PATH}.key", "the Messages API caches without a key")
    anchor = _anchor(policy.breakpoint, anchors)
    if anchor is None:
        if policy.mode == "required":
            message = "The required prompt cache has no place: there is nothing where its breakpoint is."
            raise ProtocolError(message, reason="unsupported_feature")
        losses.drop(f"{_PATH}.breakpoint", "there is nothing where the mark would stand")
    elif "cache_control" not in anchor:
        writer.mark(anchor, CacheControl(ttl=_TTLS[policy.retention]), _PATH)


def _anchor(breakpoint_: CacheBreakpoint, anchors: Anchors) -> dict[str, Any] | None:
    if isinstance(breakpoint_, EndOfMessage):
        return anchors.message
    if anchors.tools and isinstance(breakpoint_, Auto | EndOfTools):
        return anchors.tools[-1]
    if anchors.system and isinstance(breakpoint_, Auto | EndOfInstructions):
        return anchors.system[-1]
    return None


def keep_few(writer: BlockWriter, most: int = _MOST_MARKS) -> None:
    """Take off all marks but the policy's and the last ones: a later mark covers what an earlier one does."""
    marks = writer.marks
    if len(marks) <= most:
        return
    policys = [mark for mark in marks if mark[1] == _PATH]
    others = [mark for mark in marks if mark[1] != _PATH]
    _take_off(others[: len(others) - most + len(policys)], writer.losses, "the Messages API takes four marks")


def _take_off(marks: list[tuple[dict[str, Any], str]], losses: Losses, detail: str) -> None:
    for owner, path in marks:
        owner.pop("cache_control", None)
        losses.drop(f"{path}.cache_control", detail)
