"""Counts of tokens: those of both OpenAI protocols, brought to disjoint counts; and Chat's, written, whose totals include their details."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.protocols.loss import Losses
from omnillm.protocols.modalities import NO_MEDIA, Media, split_completion, split_prompt
from omnillm.protocols.openai_chat.wire import ChatUsage, CompletionDetails, PromptDetails
from omnillm.protocols.set_fields import counted
from omnillm.usage import Usage

_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


def usage_of(reported: ChatUsage, *, tool_calls: int = 0, images: int = 0) -> Usage | None:
    """Split the totals by their details, which never exceed them; None when neither prompt nor completion is named."""
    prompt, completion = reported.prompt_tokens or 0, reported.completion_tokens or 0
    if not (prompt or completion) and reported.prompt_tokens is None and reported.completion_tokens is None:
        return None
    heard = reported.prompt_tokens_details or _NO_PROMPT_DETAILS
    said = reported.completion_tokens_details or _NO_COMPLETION_DETAILS
    cached = heard.cached_tokens or reported.prompt_cache_hit_tokens or reported.cached_tokens or 0
    reasoning = said.reasoning_tokens or 0
    # xAI and Google's compatible endpoint leave reasoning out of the completion; only their total has it.
    hidden = (reported.total_tokens or 0) - prompt - completion
    if hidden > 0:
        if read := min(heard.orchestration_input_tokens or 0, hidden):
            prompt += read
            cached += min(heard.orchestration_input_cached_tokens or 0, read)
            hidden -= read
        completion += hidden
        reasoning = max(reasoning, hidden)
    if cached:
        cached = min(cached, prompt)
    if reasoning:
        reasoning = min(reasoning, completion)
    usage = Usage(
        input=prompt - cached, cache_read=cached, output=completion - reasoning, reasoning=reasoning, images=images, tool_calls=tool_calls
    )
    if reported.citation_tokens is not None:
        return _researched(usage, reported)
    written = heard.cache_write_tokens or heard.cache_creation_input_tokens
    is_mixed = written or heard.audio_tokens or heard.image_tokens or heard.video_tokens
    return _split_further(usage, heard, said) if is_mixed or said.audio_tokens or said.image_tokens else usage


def _researched(usage: Usage, reported: ChatUsage) -> Usage:
    """What was read and thought on the way stands in none of the totals. The first search is what the price list has for every attempt."""
    read, thought, searches = reported.citation_tokens or 0, reported.reasoning_tokens or 0, reported.num_search_queries or 0
    return msgspec.structs.replace(usage, input=usage.input + read, reasoning=thought, tool_calls=max(searches - 1, 0))


def _split_further(usage: Usage, heard: PromptDetails, said: CompletionDetails) -> Usage:
    """Take what was heard, seen, spoken, drawn and written to the cache out of the plain input and output."""
    told = heard.cache_write_tokens or heard.cache_creation_input_tokens or 0
    prompt = split_prompt(usage.input + usage.cache_read, usage.cache_read, *media_of(heard), written=told)
    written = usage.input + usage.cache_read - sum(prompt.values())
    long = _written_long(heard, written)
    drawn = Media(audio=said.audio_tokens or 0, image=said.image_tokens or 0)
    return msgspec.structs.replace(
        usage, **prompt, **split_completion(usage.output, drawn), cache_write_short=written - long, cache_write_long=long
    )


def media_of(heard: PromptDetails) -> tuple[Media, Media]:
    """In the prompt, and in the part of it that was cached."""
    cached = heard.cached_tokens_details
    told = Media(heard.audio_tokens or 0, heard.image_tokens or 0, heard.video_tokens or 0)
    return told, NO_MEDIA if cached is None else Media(cached.audio_tokens or 0, cached.image_tokens or 0)


def usage_in(reply: Any) -> Usage | None:
    """The usage that a decoded body of any shape reports; None when there is none to read."""
    reported = reply.get("usage") if isinstance(reply, dict) else None
    if reported is None:
        return None
    try:
        return usage_of(convert_clamped(reported, ChatUsage))
    except UNREADABLE:
        return None


def _written_long(details: PromptDetails, written: int) -> int:
    """Of these tokens, those written to the cache for 12 hours; the others for 30 minutes (or the provider's only term)."""
    terms = details.cache_write_tokens_details
    return min(terms.ttl_12h_tokens or 0, written) if terms else 0


_TOTALS = ("prompt_tokens", "completion_tokens", "total_tokens")


def write_usage(usage: Usage, raw: Any, losses: Losses) -> dict[str, Any]:
    """`raw`: the provider's own object where it is one of this protocol; else None."""
    if type(raw) is dict and "prompt_tokens" in raw and _is_fit(raw):
        return _whole(raw, usage)
    _drop_unsaid(usage, losses)
    said = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.output_audio}
    if usage.output_image:
        said["image_tokens"] = usage.output_image
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": _heard(usage),
        "completion_tokens_details": said,
    }


def _drop_unsaid(usage: Usage, losses: Losses) -> None:
    for name, _ in _no_tokens(usage):
        losses.drop(f"usage.{name}", "Chat does not count them")
    for name, _ in _not_told_apart(usage):
        losses.approximate(f"usage.{name}", "counted with the rest")


_no_tokens = counted("images", "tool_calls")
_not_told_apart = counted("cache_read_audio", "cache_read_image", "input_video", "output_video")


def _heard(usage: Usage) -> dict[str, Any]:
    heard: dict[str, Any] = {
        "cached_tokens": usage.cache_read + usage.cache_read_audio + usage.cache_read_image,
        "audio_tokens": usage.input_audio + usage.cache_read_audio,
    }
    if usage.input_image or usage.cache_read_image:
        heard["image_tokens"] = usage.input_image + usage.cache_read_image
    written = usage.cache_write_short + usage.cache_write_long
    if written:
        heard["cache_write_tokens"] = written
    if usage.cache_write_long:
        heard["cache_write_tokens_details"] = {
            "ttl_30m_tokens": usage.cache_write_short,
            "ttl_12h_tokens": usage.cache_write_long,
        }
    return heard


def _whole(raw: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """The three totals are required; not every host reports them all."""
    counted = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens, "total_tokens": usage.total_tokens}
    missing = {name: counted[name] for name in _TOTALS if type(raw.get(name)) is not int}
    return {**raw, **missing} if missing else raw


def _is_fit(raw: dict[str, Any]) -> bool:
    """Tell whether the SDK reads its details: counts are integers there."""
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = raw.get(name)
        if details is None:
            continue
        if type(details) is not dict or any(type(details[count]) not in _COUNTS for count in details if count.endswith("_tokens")):
            return False
    return True


_COUNTS = frozenset({int, type(None)})
