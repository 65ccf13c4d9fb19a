"""Which words on reasoning a model takes in OpenAI's protocols and Gemini's, where its host refuses the others."""

import re
from collections.abc import Callable, Mapping
from typing import Final

_Efforts = tuple[str, ...]
_NOTHING: _Efforts = ()
_USUAL = ("low", "medium", "high")
_UP_TO_XHIGH = (*_USUAL, "xhigh")
_GPT = re.compile(r"gpt-(3(?=5)|\d+)(?:[.-](\d{1,2})(?!\d))?")
_REASONS_UNASKED_SINCE = (5, 5)
_O_SERIES = re.compile(r"(?:^|[/:])o[134](?:-|$)")
_GEMINI = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_NEWEST_GEMINI = (4, 0)
_CHATS = re.compile(r"chatgpt-4|gpt-(?:audio|realtime|4o)|search-(?:api|preview)|davinci|babbage")
_GROK = re.compile(r"grok-(\d+)[.-](\d{1,2})(?!\d)")
_UNTOLD = re.compile(r"grok-(?:3|4)(?![\d.])|grok-code|grok-4[.-]1(?!\d)|grok-4[.-]20|non-reasoning")


def efforts_of(vendor: str, model: str) -> _Efforts | None:
    """Return what the model takes; (): no word at all; None: not known, of this host or this model."""
    find = _OF_VENDOR.get(vendor)
    return None if find is None else find(model)


def rests(vendor: str, model: str) -> bool | None:
    """Tell whether a model of OpenAI's reasons only if it is asked to; None: it never does, or another's takes sampling all the same."""
    efforts = _of_openai(model) if _OF_VENDOR.get(vendor) is _of_openai else None
    if not efforts or "gpt-oss" in model:
        return None
    found = _GPT.search(model)
    return "none" in efforts and found is not None and (int(found[1]), int(found[2] or 0)) < _REASONS_UNASKED_SINCE


def _of_openai(model: str) -> _Efforts | None:
    if "gpt-oss" in model:
        return _USUAL
    if model == "chat-latest":
        return ("medium",)
    if _CHATS.search(model):
        return _NOTHING
    if _O_SERIES.search(model):
        return ("medium",) if "deep-research" in model else _USUAL
    found = _GPT.search(model)
    return None if found is None else _of_gpt(int(found[1]), int(found[2] or 0), model)


def _of_gpt(major: int, minor: int, model: str) -> _Efforts:
    if major < 5:
        return _NOTHING
    if "-chat" in model:
        return ("medium",) if (major, minor) > (5, 0) else _NOTHING
    efforts: _Efforts = _UP_TO_XHIGH if (major, minor) >= (5, 2) or "codex-max" in model else _USUAL
    if (major, minor) >= (5, 6):
        efforts = (*efforts, "max")
    if "-pro" in model:
        return efforts[1:] if minor else ("high",)
    if "codex" in model:
        return efforts
    return ("none" if (major, minor) >= (5, 1) else "minimal", *efforts)


def _of_mistral(model: str) -> _Efforts:
    if "mistral-large-4" in model:
        return _USUAL
    return ("none", "high") if re.search(r"mistral-(?:small|medium|vibe)|magistral-small|glm", model) else _NOTHING


def _of_groq(model: str) -> _Efforts:
    if "gpt-oss" in model:
        return _USUAL
    return ("none",) if "qwen" in model else _NOTHING  # and "default", which is not said


def _of_xai(model: str) -> _Efforts:
    if "multi-agent" in model:
        return _UP_TO_XHIGH
    if "grok-3-mini" in model:
        return ("low", "high")
    if _UNTOLD.search(model):
        return _NOTHING
    found = _GROK.search(model)
    version = (int(found[1]), int(found[2])) if found is not None else (0, 0)
    if version == (4, 3):
        return ("none", *_USUAL)
    return _UP_TO_XHIGH if version >= (4, 6) else _USUAL


def levels_of(model: str) -> _Efforts | None:
    """Return the levels of thinking that a model of Gemini's takes; (): no word at all; None: it takes a budget."""
    if "gemma" in model or "2.5-flash-image" in model:
        return _NOTHING
    found = _GEMINI.search(model)
    version = (int(found[1]), int(found[2] or 0)) if found is not None else _NEWEST_GEMINI
    if version < (3, 0):
        return None
    if "-pro" in model:
        return ("low", "high") if version == (3, 0) else _USUAL
    if version < (3, 6) or ("-lite" in model and version < _NEWEST_GEMINI):
        return ("minimal", *_USUAL)
    return _UP_TO_XHIGH if "hydrogen" in model else _USUAL


_OF_VENDOR: Final[Mapping[str, Callable[[str], _Efforts | None]]] = {
    "azure_openai": _of_openai,
    "groq": _of_groq,
    "mistral": _of_mistral,
    "openai": _of_openai,
    "xai": _of_xai,
}
