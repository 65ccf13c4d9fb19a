"""The usage of both OpenAI protocols, brought to disjoint counts."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.protocols.modalities import NO_MEDIA, Media, split_completion, split_prompt
from omnillm.protocols.openai_chat.wire import ChatUsage, CompletionDetails, PromptDetails
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
