"""What the hosts of OpenAI's protocols take, in Chat's words: a function for each vendor, of the model that it is asked for.

A new host is one more of them, beside its value in `profiles/presets.py`. The sources are each host's own reference, and what it answers to
a body that OpenAI takes. `OpenAiDialect`'s fields hold in Responses, too.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.differences.effort import BUDGETS
from omnillm.providers.efforts import UP_TO_XHIGH, USUAL, of_openai, rests, rests_beside_tools

_O_SERIES = re.compile(r"(?:^|/)o[134](?:-|$)")
_REASONS = re.compile(r"mistral-(?:small|medium|vibe)|magistral-small|glm")
_GROK = re.compile(r"grok-(\d+)[.-](\d{1,2})(?!\d)")
_UNTOLD = re.compile(r"grok-(?:3|4)(?![\d.])|grok-code|grok-4[.-]1(?!\d)|grok-4[.-]20|non-reasoning")
_KIMI_2 = re.compile(r"kimi-k2[.-]?[56]")


def host_of(vendor: str, model: str) -> ChatDialect:
    find = _OF_VENDOR.get(vendor)
    return ChatDialect() if find is None else find(model)


def _refusing(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "")


def _deepseek(model: str) -> ChatDialect:
    """It takes every word on reasoning, and makes its own three of them."""
    efforts = ("none", *BUDGETS)
    return ChatDialect(efforts=efforts, needs_thoughts=True, switches_thoughts=True, takes_schemas=False, takes_pictures="flash" in model)


def _groq(model: str) -> ChatDialect:
    efforts = USUAL if "gpt-oss" in model else ("none",) if "qwen" in model else ()  # and "default", which is not said
    refused = _refusing("top_k", "n", "logprobs", "top_logprobs", "logit_bias", "service_tier")
    return ChatDialect(efforts=efforts, thoughts_member="reasoning", members=refused)


def _mistral(model: str) -> ChatDialect:
    return ChatDialect(
        efforts=USUAL if "mistral-large-4" in model else ("none", "high") if _REASONS.search(model) else (),
        thoughts_member="",
        id_length=9,
        has_documents=True,
        has_strict_turns=True,
        most_temperature=1.5,
        members={"seed": "random_seed"} | _refusing("top_k", "user", "logprobs", "top_logprobs", "logit_bias", "service_tier"),
    )


def _openai(model: str) -> ChatDialect:
    """Models that reason refuse stop sequences and penalties also while they rest."""
    may_rest = rests(model)
    refused = {} if may_rest is None else _refusing("stop", "presence_penalty", "frequency_penalty")
    if _O_SERIES.search(model):
        refused |= _refusing("parallel_tool_calls")
    return ChatDialect(
        efforts=of_openai(model),
        rests=may_rest,
        rests_beside_tools=rests_beside_tools(model),
        has_web_search="search" in model,
        members=refused,
    )


def _xai(model: str) -> ChatDialect:
    refused = _refusing("top_k", "presence_penalty", "frequency_penalty")
    return ChatDialect(efforts=_of_grok(model), members=refused if "non-reasoning" in model else refused | _refusing("stop"))


def _of_grok(model: str) -> tuple[str, ...]:
    if "multi-agent" in model:
        return UP_TO_XHIGH
    if "grok-3-mini" in model:
        return ("low", "high")
    if _UNTOLD.search(model):
        return ()
    found = _GROK.search(model)
    version = (int(found[1]), int(found[2])) if found is not None else (0, 0)
    if version == (4, 3):
        return ("none", *USUAL)
    return UP_TO_XHIGH if version >= (4, 6) else USUAL


_OF_VENDOR: Final[Mapping[str, Callable[[str], ChatDialect]]] = {
    "azure_openai": _openai,
    "cerebras": lambda _: ChatDialect(thoughts_member="reasoning"),
    "deepseek": _deepseek,
    "groq": _groq,
    "mistral": _mistral,
    "moonshot": lambda model: ChatDialect(needs_thoughts=True, switches_thoughts=_KIMI_2.search(model) is not None),
    "openai": _openai,
    "xai": _xai,
}
"""By section of the price list: a kind, or the vendor that an address belongs to."""
