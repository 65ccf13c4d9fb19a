"""Counts of tokens: a provider's read, and written for a client with both details, which SDKs require."""

from typing import Any

from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.usage import usage_of
from omnillm.protocols.openai_responses.wire import Response
from omnillm.protocols.set_fields import counted
from omnillm.usage import Usage

_PAID_CALLS = frozenset({"web_search_call", "file_search_call", "code_interpreter_call"})


def usage_of_response(response: Response) -> Usage | None:
    reported = response.usage
    if reported is None:
        return None
    calls = images = 0
    for item in response.output or ():
        calls += item.type in _PAID_CALLS
        images += item.type == "image_generation_call"
    if (used := reported.num_server_side_tools_used) is not None:  # it also counts those that are not billed apart
        told = reported.server_side_tool_usage_details
        calls = max(calls, used - ((told.mcp_calls or 0) if told else 0))
    if reported.tool_calls_details:
        calls = max(calls, sum(told.invocation or 0 for told in reported.tool_calls_details.values()))
    return usage_of(reported, tool_calls=calls, images=images)


def read_usage(response: dict[str, Any]) -> Usage | None:
    """Read the usage of a response; hosted tool calls are counted among its items."""
    if type(response.get("usage")) is not dict:
        return None
    output = response.get("output")
    kinds = [item.get("type") for item in output if type(item) is dict] if type(output) is list else []
    items = [{"type": kind} for kind in kinds if type(kind) is str]
    try:
        return usage_of_response(convert_clamped({"usage": response["usage"], "output": items}, Response))
    except UNREADABLE:
        return None


def write_usage(usage: Usage, raw: Any) -> dict[str, Any]:
    """`raw`: the provider's own object where it is one of this protocol; else None."""
    return _whole(raw, usage) if type(raw) is dict and "input_tokens" in raw else _counted(usage)


def note_miscount(usage: Usage, response: dict[str, Any], losses: Losses) -> None:
    """Note counts that a reader of the response will not find: hosted tools are counted by their items, and by nothing else."""
    if not _doubtful(usage) and _PLAIN.issuperset([item.get("type") for item in response["output"]]):
        return
    read = read_usage(response)
    if read is None or read == usage:
        return
    for name in ("images", "tool_calls"):
        if getattr(read, name) != getattr(usage, name):
            losses.approximate(f"usage.{name}", "Responses counts the items of hosted tools")
    for name in ("cache_read_audio", "cache_read_image", "input_video", "output_video"):
        if getattr(read, name) != getattr(usage, name):
            losses.approximate(f"usage.{name}", "counted with the rest")


_doubtful = counted("images", "tool_calls", "cache_read_audio", "cache_read_image", "input_video", "output_video")
_PLAIN = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
"""Items that are paid by their tokens."""


def _counted(usage: Usage) -> dict[str, Any]:
    cached = usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    heard = {"cached_tokens": cached, "cache_write_tokens": usage.cache_write_short + usage.cache_write_long}
    said = {"reasoning_tokens": usage.reasoning}
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    out: dict[str, Any] = {
        "input_tokens": prompt,
        "input_tokens_details": heard,
        "output_tokens": completion,
        "output_tokens_details": said,
        "total_tokens": prompt + completion,
    }
    if usage.cache_write_long:
        terms = {"ttl_30m_tokens": usage.cache_write_short, "ttl_12h_tokens": usage.cache_write_long}
        out["input_tokens_details"] = {**heard, "cache_write_tokens_details": terms}
    heard = out["input_tokens_details"]
    if usage.input_audio or usage.cache_read_audio:
        heard["audio_tokens"] = usage.input_audio + usage.cache_read_audio
    if usage.input_image or usage.cache_read_image:
        heard["image_tokens"] = usage.input_image + usage.cache_read_image
    if usage.output_audio:
        said["audio_tokens"] = usage.output_audio
    if usage.output_image:
        said["image_tokens"] = usage.output_image
    return out


def _whole(raw: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """Fill in what SDKs require and not every host reports."""
    whole = _counted(usage)
    out = {**whole, **{name: value for name, value in raw.items() if value is not None}}
    for name in ("input_tokens_details", "output_tokens_details"):
        given = raw.get(name)
        if type(given) is dict:
            out[name] = {**whole[name], **{member: value for member, value in given.items() if value is not None}}
    return out
