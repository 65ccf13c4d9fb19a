"""What a failed attempt says of its key: nothing, where another caller may do well with it."""

import re
from typing import Final

from msgspec.structs import replace

from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.call import Call
from omnillm.gateway.case import Case
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.bound import COMPACTION, REASONING
from omnillm.protocols.protocol import Failure
from omnillm.providers.paths import COUNT_TOKENS, REALTIME

SHORTEST_ATTEMPT_S = 0.005
"""With less time left no other attempt is begun. (Timers may fire a little early.)"""
BESIDE_GENERATION = frozenset({COUNT_TOKENS, REALTIME})
OF_A_MODEL = frozenset({Verdict.DENIED, Verdict.NOT_FOUND})
BESIDE_MODEL: Final = re.compile(
    rb'"(?:file_?[uU]ri|uri|(?:(?:image|file|document)_)?url|skill_id|guardrailIdentifier)"\s*:\s*"(?!data:)'
    rb'|"image_generation"'
    rb"|\\u00(?:[46][1-9a-fA-F]|[57][0-9aA]|5[fF])"
)
"""What names something by no id that is bound to a key: an address (somebody's film), a skill, a guardrail; a tool with a
model of its own, which OpenAI denies to organizations that are not verified; or an escaped letter, which may hide that.

A picture that the body itself holds is no address, and the signs that Go and .NET escape are in no name."""
OF_TIME = frozenset({Verdict.TIMEOUT, Verdict.NOT_SENT})


def outcome_for_key(case: Case, attempt: Attempt, failure: Failure) -> Outcome:
    """What a failure means for the key. If a key may not embed, count or converse with a model, it may still generate with it.

    If something is missing or forbidden where a call names more than a model, it need not be the model: that is doubtful. A wrong key does
    not become right by waiting, so a hint in the reply is ignored. A caller whose own, shorter deadline is over counts as one who has left.
    """
    outcome, call = attempt.outcome_of(failure), case.call
    if call.is_hurried and failure.verdict in OF_TIME and _is_over(case, attempt, failure):
        return replace(outcome, verdict=Verdict.ABORTED)
    if failure.verdict is Verdict.KEY_DEAD and failure.status:
        return replace(outcome, retry_after_s=None)
    is_refusal = failure.verdict in OF_A_MODEL
    is_beside = call.protocol.family or call.operation in BESIDE_GENERATION or not attempt.lease.model
    if failure.is_calls_own or (is_refusal and is_beside):
        return replace(outcome, verdict=Verdict.CALLER_FAULT)
    return replace(outcome, is_doubtful=True) if is_refusal and _names_more(call) else outcome


def _names_more(call: Call) -> bool:
    """Whether it names what may be missing beside its model. Reasoning comes whole, and is always there."""
    text = call.outline or call
    named = call.protocol.named_ids(text.members, text.body)
    is_bound = any(kind not in {REASONING, COMPACTION} for kind, _ in named)
    return is_bound or "prompt" in text.members or BESIDE_MODEL.search(text.body) is not None


def _is_over(case: Case, attempt: Attempt, failure: Failure) -> bool:
    """The call's time is over. An attempt that had begun and provably did not leave stays NOT_SENT: nothing of it counts."""
    is_unsent = failure.verdict is Verdict.NOT_SENT and attempt.has_begun
    return not is_unsent and case.settlement.now() >= case.call.deadline - SHORTEST_ATTEMPT_S
