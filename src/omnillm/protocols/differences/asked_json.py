"""An answer in JSON that is asked for in words: beside the member that asks for it, or in the place of a schema."""

from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.capabilities import StructuredOutputConfig
from omnillm.model.message import Text
from omnillm.model.request import LlmRequest
from omnillm.protocols.loss import Losses

ASKING = "Answer with one JSON object and nothing else."
ASKING_FOR = "Answer with JSON of this schema and nothing else:\n"
_PATH = "capabilities.structured_output"
_encode = msgspec.json.encode


def words_for(schema: dict[str, Any] | None) -> str:
    """None: any JSON is right."""
    return ASKING if schema is None else f"{ASKING_FOR}{_encode(schema).decode()}"


def with_asked_json(
    request: LlmRequest, output: StructuredOutputConfig, losses: Losses, *, takes_schemas: bool, hears_instructions: bool
) -> tuple[LlmRequest, str]:
    """Ask in OpenAI's protocols for what is refused otherwise: any JSON of a prompt without that word, and a schema, at some hosts.

    Returns the request, and the words for `tell`. `output`: what it asks for. `hears_instructions`: the word counts there, too.
    """
    if output.kind == "json_object":
        texts = [part.text for part in request.parts if type(part) is Text]
        if hears_instructions and request.instructions:
            texts.append(request.instructions)
        if any("json" in text.lower() for text in texts):
            return request, ""
        losses.default(f"{_PATH}.kind", "asked for in the system text, too: a prompt without the word is refused")
        return request, ASKING
    if takes_schemas or output.schema is None:
        return request, ""
    losses.approximate(f"{_PATH}.schema", "asked for in the system text: the host holds to none")
    capabilities = replace(request.capabilities, structured_output=StructuredOutputConfig(kind="json_object"))
    return replace(request, capabilities=capabilities), words_for(output.schema)


def with_words_for_json(request: LlmRequest, losses: Losses) -> tuple[LlmRequest, str]:
    """Ask Gemini before 3 for JSON: beside tools it refuses the member that does. Returns the request, and the words for `tell`."""
    capabilities = request.capabilities
    output = capabilities.structured_output
    if output is None or not (capabilities.tools or capabilities.builtin_tools):
        return request, ""
    losses.approximate(_PATH, "asked for in the system text: Gemini before 3 has tools, or JSON")
    return replace(request, capabilities=replace(capabilities, structured_output=None)), words_for(output.schema)


def tell(words: str, body: dict[str, Any], protocol: str) -> None:
    """Say it first in a body that is written. Said in the request, it would shift the numbers by which what is lost there is told."""
    if protocol == "openai_chat":
        body["messages"].insert(0, {"role": "system", "content": words})
    elif protocol == "openai_responses":
        body.setdefault("input", []).insert(0, {"type": "message", "role": "system", "content": words})
    elif protocol == "gemini_generate_content":
        body.setdefault("systemInstruction", {"parts": []})["parts"].insert(0, {"text": words})
    else:
        said = body.get("system_instruction")
        body["system_instruction"] = f"{words}\n\n{said}" if said else words
