"""`generation_config` and the form of the answer, read to the canonical model. What has no canonical home stays under its name."""

from functools import partial
from typing import Any

from omnillm.model.capabilities import OutputModality, ReasoningCapability, StructuredOutputConfig
from omnillm.model.message import VendorExtensions
from omnillm.model.request import GenerationConfig
from omnillm.protocols.gemini_generate_content.parse.generation import Read, generation_of
from omnillm.protocols.shapes import array, integer, mapping, number, optional_mapping, optional_text, optional_texts, rest, texts

_PATH = "generation_config"
_LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh"})
_SUMMARIES = {"auto": True, "none": False}
_MODALITIES = {"text": OutputModality.TEXT, "audio": OutputModality.AUDIO, "image": OutputModality.IMAGE}
_JSON, _PLAIN = "application/json", "text/plain"
_TEXT = frozenset({"type", "mime_type", "schema"})

_GENERATION: dict[str, tuple[str, Read]] = {
    "max_output_tokens": ("max_output_tokens", partial(integer, lowest=1)),
    "temperature": ("temperature", number),
    "top_p": ("top_p", number),
    "top_k": ("top_k", integer),
    "stop_sequences": ("stop", texts),
    "seed": ("seed", integer),
}
_KNOWN = frozenset({*_GENERATION, "thinking_level", "thinking_summaries", "tool_choice"})
FORMS = frozenset({"response_format", "response_mime_type", "response_modalities"})
"""Members of the body that say what the answer is made of."""


def read_config(body: dict[str, Any]) -> tuple[dict[str, Any], VendorExtensions]:
    """Return `generation_config`, and what of it has no canonical home."""
    config = optional_mapping(body, _PATH) or {}
    return config, rest(config, _KNOWN)


def read_generation(config: dict[str, Any], service_tier: str) -> GenerationConfig:
    return generation_of(config, _GENERATION, _PATH, service_tier)


def read_reasoning(config: dict[str, Any], extensions: VendorExtensions) -> ReasoningCapability | None:
    """`extensions`: where words go that nobody knows yet."""
    level, summaries = optional_text(config, "thinking_level", _PATH), optional_text(config, "thinking_summaries", _PATH)
    if level and level not in _LEVELS:
        extensions["thinking_level"] = level
    if summaries and summaries not in _SUMMARIES:
        extensions["thinking_summaries"] = summaries
    level = level if level in _LEVELS else ""
    if not level and summaries not in _SUMMARIES:
        return None
    return ReasoningCapability(effort=level, include_thoughts=_SUMMARIES.get(summaries))


def read_form(body: dict[str, Any], extensions: VendorExtensions) -> dict[str, Any]:
    """Return the fields of a `CapabilitySet` that say what the answer is made of."""
    given = body.get("response_format")
    formats = [] if given is None else [given] if type(given) is dict else array(given, "response_format")
    form = _Form(optional_text(body, "response_mime_type"))
    for place, each in enumerate(formats):
        form.read(mapping(each, f"response_format[{place}]"), f"response_format[{place}]")
    if form.others:
        extensions["response_format"] = form.others
    if form.mime_type not in {"", _JSON, _PLAIN}:
        extensions["response_mime_type"] = form.mime_type
    elif form.output is None and form.mime_type == _JSON:
        form.output = StructuredOutputConfig(kind="json_object")
    modalities = _named(body, extensions) or tuple(dict.fromkeys(form.modalities))
    is_implied = form.output is not None and modalities == (OutputModality.TEXT,)  # JSON is a text
    return {"structured_output": form.output, "modalities": () if is_implied else modalities}


def _named(body: dict[str, Any], extensions: VendorExtensions) -> tuple[OutputModality, ...]:
    """Read `response_modalities`, the older word for the kinds of formats."""
    names = optional_texts(body, "response_modalities")
    if all(name.lower() in _MODALITIES for name in names):
        return tuple(_MODALITIES[name.lower()] for name in names)
    extensions["response_modalities"] = list(names)
    return ()


class _Form:
    """What the formats say, one after the other."""

    __slots__ = ("mime_type", "modalities", "others", "output")

    def __init__(self, mime_type: str) -> None:
        self.mime_type = mime_type
        self.modalities: list[OutputModality] = []
        self.output: StructuredOutputConfig | None = None
        self.others: list[Any] = []
        """Formats that say more than the kind of the answer."""

    def read(self, format_: dict[str, Any], path: str) -> None:
        kind = optional_text(format_, "type", path) if type(format_.get("type")) is not list else ""
        if kind == "text":
            self._text(format_, path)
        elif kind in _MODALITIES and len(format_) == 1:
            self.modalities.append(_MODALITIES[kind])
        elif kind in _MODALITIES or kind == "video":
            self.modalities += [_MODALITIES[kind]] if kind in _MODALITIES else []
            self.others.append(format_)
        elif self.mime_type == _JSON and self.output is None:  # as the schema itself was written, before there were formats
            self.output = StructuredOutputConfig(schema=format_)
        else:
            self.others.append(format_)

    def _text(self, format_: dict[str, Any], path: str) -> None:
        schema, mime_type = optional_mapping(format_, "schema", path), optional_text(format_, "mime_type", path)
        self.modalities.append(OutputModality.TEXT)
        if mime_type not in {"", _JSON, _PLAIN} or not _TEXT.issuperset(format_):
            self.others.append(format_)
        elif schema is not None:
            self.output = StructuredOutputConfig(schema=schema)
        elif mime_type == _JSON:
            self.output = StructuredOutputConfig(kind="json_object")
