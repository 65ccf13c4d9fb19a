"""The usage of both OpenAI protocols, brought to disjoint counts."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.protocols.openai_chat.wire import ChatUsage, CompletionDetails, PromptDetails
from omnillm.usage import Usage

_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


def usage_of(reported: ChatUsage, *, tool_calls: int = 0, images: int = 0) -> Usage | None:
    """Split the totals by their details, which never exceed them; None when neither prompt nor completion is named."""
    if reported.prompt_tokens is None and reported.completion_tokens is None:
        return None
    prompt, completion = reported.prompt_tokens or 0, reported.completion_tokens or 0
    # xAI and Google's compatible endpoint leave reasoning out of the completion; only their total has it.
    hidden = (reported.total_tokens or 0) - prompt - completion
    if hidden > 0:
        completion += hidden
    heard = reported.prompt_tokens_details or _NO_PROMPT_DETAILS
    cached = heard.cached_tokens or reported.prompt_cache_hit_tokens or reported.cached_tokens or 0
    cached = min(cached, prompt)
    said = reported.completion_tokens_details or _NO_COMPLETION_DETAILS
    reasoning = said.reasoning_tokens or 0
    reasoning = max(reasoning, hidden)
    reasoning = min(reasoning, completion)
    usage = Usage(
        input=prompt - cached, cache_read=cached, output=completion - reasoning, reasoning=reasoning, images=images, tool_calls=tool_calls
    )
    if heard.audio_tokens or heard.cache_write_tokens or said.audio_tokens:
        return _split_further(usage, heard, said)
    return usage


def _split_further(usage: Usage, heard: PromptDetails, said: CompletionDetails) -> Usage:
    """Take what was heard, spoken and written to the cache out of the plain input and output."""
    input_audio = min(heard.audio_tokens or 0, usage.input)
    short, long = _cache_writes(heard, usage.input - input_audio)
    output_audio = min(said.audio_tokens or 0, usage.output)
    return msgspec.structs.replace(
        usage,
        input=usage.input - input_audio - short - long,
        cache_write_short=short,
        cache_write_long=long,
        input_audio=input_audio,
        output=usage.output - output_audio,
        output_audio=output_audio,
    )


def usage_in(reply: Any) -> Usage | None:
    """The usage that a decoded body of any shape reports; None when there is none to read."""
    reported = reply.get("usage") if isinstance(reply, dict) else None
    if reported is None:
        return None
    try:
        return usage_of(convert_clamped(reported, ChatUsage))
    except UNREADABLE:
        return None


def _cache_writes(details: PromptDetails, most: int) -> tuple[int, int]:
    """Tokens written to the cache for 30 minutes (or the provider's only term) and for 12 hours, together at most `most`."""
    written = min(details.cache_write_tokens or 0, most)
    if not written:
        return 0, 0
    terms = details.cache_write_tokens_details
    long = min(terms.ttl_12h_tokens or 0, written) if terms else 0
    return written - long, long
