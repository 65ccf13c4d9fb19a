"""Where a policy sets its mark of the prompt cache, and which marks are too many: one rule for the Messages API and for Converse.

Both take four, each after (or on) what it covers, with Anthropic's two terms.
"""

from collections.abc import Iterable
from typing import Final

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
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.loss import Losses

MOST: Final = 4
_LONG: Final = "1h"
POLICY: Final = "capabilities.prompt_cache"
"""Path of the policy, and of the mark that it sets."""
_TTLS: Final = {PromptCacheRetention.PROVIDER_DEFAULT: "", PromptCacheRetention.SHORT: "5m", PromptCacheRetention.LONG: _LONG}
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


def drop_key(policy: PromptCachePolicy, losses: Losses, host: str) -> None:
    """Neither of the two has a place for a key. ProtocolError: it is required."""
    if policy.key is None:
        return
    if policy.mode == "required":
        raise ProtocolError(f"The required prompt cache has a key, and {host} caches without a key.", reason="unsupported_feature")
    losses.drop(f"{POLICY}.key", f"{host} caches without a key")


def beyond_most(marks: list[Mark]) -> list[Mark]:
    """Those that come off: the first ones, but never the policy's. A later mark covers what an earlier one does."""
    others = [mark for mark in marks if mark[1] != POLICY]
    return others[: max(len(marks) - MOST, 0)]


def lengthen(bearers: Iterable[Block], member: str, marks: list[Mark], losses: Losses) -> None:
    """Make marks as long as the longest behind them: a prompt that is kept for an hour must not begin with one for five minutes.

    `bearers`: blocks in the order of the prompt, tools first, of which some bear a mark as `member`.
    """
    marked = [block for block in bearers if member in block]
    last = next((place for place in reversed(range(len(marked))) if marked[place][member].get("ttl") == _LONG), 0)
    short = [block for block in marked[:last] if block[member].get("ttl") != _LONG]
    paths = {id(block): path for block, path in marks} if short else {}
    for block in short:
        block[member] = {**block[member], "ttl": _LONG}
        losses.approximate(f"{paths.get(id(block), POLICY)}.cache_control.ttl", "as long as the mark behind it")
