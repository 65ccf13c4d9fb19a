"""Safety settings: the canonical model has generateContent's, which says the same in capitals."""

from typing import Any

from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, mapping, rest, text

_CATEGORY = "HARM_CATEGORY_"
_READ = frozenset({"type", "threshold", "method"})
_PATH = "capabilities.safety"


def read_safety(setting: Any, path: str) -> dict[str, Any]:
    setting = mapping(setting, path)
    read = {
        "category": _CATEGORY + text(setting.get("type"), f"{path}.type").upper(),
        "threshold": text(setting.get("threshold"), f"{path}.threshold").upper(),
        **rest(setting, _READ),
    }
    if setting.get("method") is not None:
        read["method"] = text(setting["method"], f"{path}.method").upper()
    return read


def write_safety(settings: tuple[Any, ...], losses: Losses) -> list[dict[str, Any]]:
    written = []
    for number, setting in enumerate(settings):
        try:
            written.append(_written(mapping(setting, "")))
        except Unfit:
            losses.drop(f"{_PATH}[{number}]", "not of the shape that it must have")
    return written


def _written(setting: dict[str, Any]) -> dict[str, Any]:
    written = {
        "type": text(setting.get("category"), "category").removeprefix(_CATEGORY).lower(),
        "threshold": text(setting.get("threshold"), "threshold").lower(),
        **rest(setting, frozenset({"category", "threshold", "method"})),
    }
    if setting.get("method") is not None:
        written["method"] = text(setting["method"], "method").lower()
    return written
