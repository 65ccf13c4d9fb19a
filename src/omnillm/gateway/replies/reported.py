"""The usage that a reply reports, and whether it is believed."""

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from omnillm.outcome import Outcome, Verdict
from omnillm.pricing.cost import cost
from omnillm.protocols.protocol import Sight
from omnillm.usage import MOST_OF_ONE, NO_USAGE, Usage

if TYPE_CHECKING:
    from omnillm.gateway.attempts.attempt import Attempt
    from omnillm.gateway.case import Case
    from omnillm.gateway.replies.answer import Answer

_USUAL: Final = ("default", "standard")
"""Words of most replies for their tier (OpenAI's, Anthropic's): what a call that asks for nothing else is charged by anyway."""
_UNKNOWN: Final[tuple[Usage, int | None]] = (NO_USAGE, None)


def used(case: "Case", attempt: "Attempt", answer: "Answer") -> tuple[Usage, int | None]:
    """(usage, tokens) of a reply that ended well. Tokens None: nobody knows, and the charge is an estimate."""
    report = answer.report
    usage, tier, extras = report.usage, report.tier, case.quote.extras
    if tier is not None and (tier not in _USUAL or extras):
        case.served_under(attempt, tier)
    tokens = 0 if usage is None else usage.total_tokens
    if usage is None or _is_implausible(usage, tokens, case, attempt, answer):
        return _counted(case, attempt)
    watch = answer.watch
    if watch is not None and watch.opening is not None and attempt.price is not None and _is_read_once(case, attempt, answer):
        case.settlement.openings.compare(attempt.target, watch.opening, usage, attempt.price)
    if extras and attempt.price is not None:  # the rest only the request tells
        usage = case.quote.completed(attempt.target, attempt.price, usage)
    return usage, tokens


def observed(case: "Case", attempt: "Attempt", outcome: Outcome) -> Outcome:
    """The outcome of an attempt that did not end well, with what its stream had told of its prompt if it was given up.

    What else its charge goes by is noted in the attempt: its price, the tools that it had shown, and when its client was gone.
    """
    is_abandoned, held = outcome.verdict is Verdict.ABORTED, case.held
    if is_abandoned:
        attempt.left_at = case.settlement.now()
    if held is None or held.exchange is not attempt.exchange:
        return outcome
    case.served_under(attempt, held.report.tier, is_sure=False)
    attempt.tools = held.tools
    return replace(outcome, usage=_told_prompt(case, attempt, held)) if is_abandoned else outcome


def _told_prompt(case: "Case", attempt: "Attempt", answer: "Answer") -> Usage:
    """The usage of the prompt that a given-up stream told at its beginning. `NO_USAGE`: it told none, or it cannot be trusted."""
    opening = None if answer.watch is None else answer.watch.opening
    if opening is None or attempt.price is None or not _is_read_once(case, attempt, answer):
        return NO_USAGE
    told = case.settlement.openings.believed(attempt.target, opening)
    most, _, _ = case.quote.bounds(attempt.target, attempt.price)
    return told if told is not None and 0 < told.prompt_tokens <= most else NO_USAGE


def _is_read_once(case: "Case", attempt: "Attempt", answer: "Answer") -> bool:
    return case.quote.reads_once(attempt.target, None if answer.tools is None else answer.tools.count)


def _is_implausible(usage: Usage, tokens: int, case: "Case", attempt: "Attempt", answer: "Answer") -> bool:
    """Whether a reported usage cannot be true: no prompt, no output although content came, or a count beyond all bounds.

    What endpoint families count is not always tokens.
    """
    # As `Usage.is_incredible`, whose sum of tokens is at hand here.
    if tokens >= MOST_OF_ONE or usage.tool_calls >= MOST_OF_ONE:
        return True
    if case.call.protocol.family:
        return usage == NO_USAGE or usage.audio_ms >= MOST_OF_ONE or _is_unpaid(usage, case, attempt)
    # Most usage has text in and out, and that is asked first.
    if not (usage.input or usage.prompt_tokens):
        return True
    return not (usage.output or usage.completion_tokens) and bool(answer.seen & Sight.CONTENT)


def _is_unpaid(usage: Usage, case: "Case", attempt: "Attempt") -> bool:
    """Whether the reply counts units that have no price, and not those that have: seconds instead of tokens, for example."""
    price = attempt.price
    if price is None:
        return False
    if usage.images and price.dearest_output and not price.image:  # pictures are counted where no tokens are told for them
        return True
    return not cost(usage, price) and case.quote.most_nanousd(attempt.target, price) > 0


def _counted(case: "Case", attempt: "Attempt") -> tuple[Usage, int | None]:
    """What the request alone tells of its cost."""
    usage = None if attempt.price is None else case.quote.counted(attempt.target, attempt.price)
    return _UNKNOWN if usage is None else (usage, usage.total_tokens)
