"""Where a policy sets its mark of the prompt cache, and which marks are too many: one rule for the Messages API and for Converse.

Both take four, each after (or on) what it covers, with Anthropic's two terms.
"""

from typing import Final

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
from omnillm.protocols.turns import Block

MOST: Final = 4
POLICY: Final = "capabilities.prompt_cache"
"""Path of the policy, and of the mark that it sets."""
_TTLS: Final = {PromptCacheRetention.PROVIDER_DEFAULT: "", PromptCacheRetention.SHORT: "5m", PromptCacheRetention.LONG: "1h"}
Mark = tuple[Block, str]
"""What bears it or is it, and its path."""


class Anchors:
    """After which blocks a policy can set its mark: known once everything is written."""

    __slots__ = ("_message", "_message_index", "system", "tools")

    def __init__(self, policy: PromptCachePolicy | None) -> None:
        at = policy.breakpoint if policy is not None else None
        self._message_index = at.index if isinstance(at, EndOfMessage) else -1
        self._message: list[Block] = []
        self.system: list[Block] = []
        self.tools: list[Block] = []

    def see_message(self, index: int, blocks: list[Block], *, unmarked: frozenset[str] = frozenset()) -> None:
        """`unmarked`: types of blocks that no mark can follow."""
        if index == self._message_index:
            self._message = [block for block in blocks if block["type"] not in unmarked] if unmarked else blocks

    def at(self, breakpoint_: CacheBreakpoint) -> list[Block]:
        """The mark's place is the end of these; none: there is nothing where it would stand."""
        if isinstance(breakpoint_, EndOfMessage):
            return self._message
        if self.tools and isinstance(breakpoint_, Auto | EndOfTools):
            return self.tools
        return self.system if isinstance(breakpoint_, Auto | EndOfInstructions) else []


def policy_mark(policy: PromptCachePolicy) -> CacheControl:
    return CacheControl(ttl=_TTLS[policy.retention])


def beyond_most(marks: list[Mark]) -> list[Mark]:
    """Those that come off: the first ones, but never the policy's. A later mark covers what an earlier one does."""
    others = [mark for mark in marks if mark[1] != POLICY]
    return others[: max(len(marks) - MOST, 0)]
