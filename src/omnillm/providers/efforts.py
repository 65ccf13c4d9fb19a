"""Which words on reasoning OpenAI's models and Google's take, whose hosts refuse the others. Other vendors' are in `hosts.py`."""

import re

_Efforts = tuple[str, ...]
_NOTHING: _Efforts = ()
USUAL = ("low", "medium", "high")
UP_TO_XHIGH = (*USUAL, "xhigh")
_GPT = re.compile(r"gpt-(3(?=5)|\d+)(?:[.-](\d{1,2})(?!\d))?")
_REASONS_UNASKED_SINCE = (5, 5)
_RESTS_BESIDE_TOOLS_SINCE = (5, 4)
_RESTS_SINCE_6 = re.compile(r"luna|terra|gpt-6-sol")
"""Those of GPT-6 and later that can be told not to reason."""
_O_SERIES = re.compile(r"(?:^|[/:])o[134](?:-|$)")
_GEMINI = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_NEWEST_GEMINI = (4, 0)
_CHATS = re.compile(r"chatgpt-4|gpt-(?:audio|realtime|4o)|search-(?:api|preview)|davinci|babbage")


def of_openai(model: str) -> _Efforts | None:
    """Return what a model takes at OpenAI and Azure; (): no word at all; None: the model is not known."""
    if "gpt-oss" in model:
        return USUAL
    if model == "chat-latest":
        return ("medium",)
    if _CHATS.search(model):
        return _NOTHING
    if _O_SERIES.search(model):
        return ("medium",) if "deep-research" in model else USUAL
    found = _GPT.search(model)
    return None if found is None else _of_gpt(int(found[1]), int(found[2] or 0), model)


def rests(model: str) -> bool | None:
    """Tell whether a model of OpenAI's reasons only if it is asked to; None: it never does, or takes sampling all the same."""
    efforts = of_openai(model)
    if not efforts or "gpt-oss" in model:
        return None
    return "none" in efforts and _version_of_gpt(model) < _REASONS_UNASKED_SINCE


def rests_beside_tools(model: str) -> bool:
    """Tell whether it takes tools in Chat, but only where it is told not to reason."""
    return "none" in (of_openai(model) or ()) and _version_of_gpt(model) >= _RESTS_BESIDE_TOOLS_SINCE


def _version_of_gpt(model: str) -> tuple[int, int]:
    found = _GPT.search(model)
    return (0, 0) if found is None else (int(found[1]), int(found[2] or 0))


def _of_gpt(major: int, minor: int, model: str) -> _Efforts:
    if major < 5:
        return _NOTHING
    if "-chat" in model:
        return ("medium",) if (major, minor) > (5, 0) else _NOTHING
    efforts: _Efforts = UP_TO_XHIGH if (major, minor) >= (5, 2) or "codex-max" in model else USUAL
    if (major, minor) >= (5, 6):
        efforts = (*efforts, "max")
    if "-pro" in model:
        return efforts[1:] if minor else ("high",)
    if "codex" in model or (major > 5 and not _RESTS_SINCE_6.search(model)):
        return efforts
    return ("none" if (major, minor) >= (5, 1) else "minimal", *efforts)


def version_of_gemini(model: str) -> tuple[int, int]:
    """Names without a number ("gemini-flash-latest", an operator's own name) count as the newest."""
    found = _GEMINI.search(model)
    return _NEWEST_GEMINI if found is None else (int(found[1]), int(found[2] or 0))


def levels_of(model: str) -> _Efforts | None:
    """Return the levels of thinking that a model of Gemini's takes; (): no word at all; None: it takes a budget."""
    if "gemma" in model or "2.5-flash-image" in model:
        return _NOTHING
    version = version_of_gemini(model)
    if version < (3, 0):
        return None
    if "-pro" in model:
        return ("low", "high") if version == (3, 0) else USUAL
    if version < (3, 6) or ("-lite" in model and version < _NEWEST_GEMINI):
        return ("minimal", *USUAL)
    return UP_TO_XHIGH if "hydrogen" in model or "neon" in model else USUAL
