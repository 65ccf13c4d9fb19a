"""Log probabilities of tokens: Gemini's two parallel lists, and the one list of Chat that is canonical."""

from typing import Any

import msgspec

from omnillm.protocols.gemini_generate_content.shapes_of_replies import LogprobsResult, TokenLogprob
from omnillm.protocols.loss import Losses


def read_logprobs(value: Any) -> dict[str, Any]:
    """Return Chat's logprobs object. `value` has the shape of a `LogprobsResult`."""
    result = msgspec.convert(value, LogprobsResult)
    tops = result.top_candidates or []
    content = []
    for number, chosen in enumerate(result.chosen_candidates or ()):
        top = tops[number].candidates if number < len(tops) else None
        content.append({**_read(chosen), "top_logprobs": [_read(token) for token in top or ()]})
    return {"content": content, "refusal": None}


def says_all(logprobs: dict[str, Any], value: Any) -> bool:
    """Tell whether the object is the whole `logprobsResult`: it has no place for the tokens' ids, nor for their sum."""
    return bool(write_logprobs(logprobs, Losses(), 0) == value)


def write_logprobs(logprobs: Any, losses: Losses, number: int) -> dict[str, Any] | None:
    path = f"candidates[{number}].logprobs"
    content = logprobs.get("content") if type(logprobs) is dict else None
    if type(content) is not list:
        losses.drop(path, "not of Chat's shape")
        return None
    if logprobs.get("refusal"):
        losses.drop(f"{path}.refusal", "Gemini has no refusals")
    chosen, tops = [], []
    for token in content:
        written = _write(token, path, losses)
        top = token.get("top_logprobs") if type(token) is dict else None
        alternatives = [_write(each, path, losses) for each in top] if type(top) is list else []
        if written is None or None in alternatives:
            losses.drop(path, "not of Chat's shape")
            return None
        chosen.append(written)
        tops.append({"candidates": alternatives} if alternatives else {})
    return {"chosenCandidates": chosen, "topCandidates": tops} if any(tops) else {"chosenCandidates": chosen}


def _read(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token or "", "logprob": token.log_probability or 0.0, "bytes": None}


def _write(token: Any, path: str, losses: Losses) -> dict[str, Any] | None:
    if type(token) is not dict:
        return None
    word, logprob, raw = token.get("token"), token.get("logprob"), token.get("bytes")
    if type(word) is not str or not isinstance(logprob, int | float):
        return None
    if raw is not None and raw != list(word.encode()):
        losses.drop(f"{path}.content.bytes", "Gemini has tokens as text alone")
    return {"token": word, "logProbability": logprob}
