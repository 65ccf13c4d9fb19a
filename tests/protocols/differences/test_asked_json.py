"""JSON that a host of OpenAI's protocols makes only when it is asked for in words."""

from typing import Any

import msgspec
import pytest
from tests.protocols.differences.saying import CHAT, GEMINI, said

from omnillm.model.capabilities import CapabilitySet, StructuredOutputConfig
from omnillm.model.request import LlmRequest, user
from omnillm.protocols.dialects import ChatDialect, Dialect
from omnillm.protocols.transcode import emit_request

SCHEMA = {"type": "object", "properties": {"metres": {"type": "number"}}, "required": ["metres"]}
ANY = {"responseMimeType": "application/json"}


def asked(target: str, dialect: Dialect | None, config: dict[str, Any], text: str) -> tuple[list[Any], dict[str, Any], list[str]]:
    """Messages, what is asked of the answer, and the losses, for a client of Gemini's SDK."""
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": config}
    sent, lost = said(GEMINI, target, body, dialect)
    losses = [f"{kind}:{path}" for path, kind in lost.items() if "structured_output" in path]
    if target == "openai_chat":
        return sent["messages"], sent["response_format"], losses
    return sent["input"], sent["text"]["format"], losses


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses"])
def test_any_json_is_asked_for_in_a_prompt_without_the_word(target: str) -> None:
    """OpenAI refuses it; Gemini's clients do not know that. A prompt that has the word goes as it is."""
    messages, wanted, losses = asked(target, None, ANY, "How deep is the lake?")
    assert (messages[0]["role"], messages[0]["content"]) == ("system", "Answer with one JSON object and nothing else.")
    assert (wanted, losses) == ({"type": "json_object"}, ["defaulted:capabilities.structured_output.kind"])
    messages, wanted, losses = asked(target, None, ANY, "How deep is the lake? As JSON.")
    assert ([message["role"] for message in messages], wanted, losses) == (["user"], {"type": "json_object"}, [])


def test_the_word_counts_in_instructions_that_are_a_message() -> None:
    """Chat's are; those of Responses stand beside the input, in which alone OpenAI looks for the word."""
    asks_any = CapabilitySet(structured_output=StructuredOutputConfig(kind="json_object"))
    request = LlmRequest(model="m", instructions="Answer in JSON.", input=(user("How deep?"),), capabilities=asks_any)
    sent = msgspec.json.decode(emit_request("openai_chat", request).value)
    assert [message["content"] for message in sent["messages"]] == ["Answer in JSON.", "How deep?"]
    sent = msgspec.json.decode(emit_request("openai_responses", request).value)
    assert [item["content"] for item in sent["input"]] == ["Answer with one JSON object and nothing else.", "How deep?"]


def test_what_is_lost_beside_such_words_has_the_number_that_the_client_gave_it() -> None:
    contents = [("user", {"text": "Hi"}), ("model", {"text": "Hm", "thought": True}), ("user", {"text": "So?"})]
    body = {"contents": [{"role": role, "parts": [part]} for role, part in contents], "generationConfig": ANY}
    assert "input[1].parts[0]" in said(GEMINI, CHAT, body)[1]


def test_a_schema_is_asked_for_in_words_where_no_answer_is_held_to_one() -> None:
    """DeepSeek's chat makes any JSON or none."""
    config = {**ANY, "responseJsonSchema": SCHEMA}
    messages, wanted, losses = asked("openai_chat", ChatDialect(is_openai=False, takes_schemas=False), config, "How deep is the lake?")
    words = msgspec.json.encode(SCHEMA).decode()
    assert messages[0] == {"role": "system", "content": f"Answer with JSON of this schema and nothing else:\n{words}"}
    assert (wanted, losses) == ({"type": "json_object"}, ["approximated:capabilities.structured_output.schema"])
    messages, wanted, _ = asked("openai_chat", None, config, "How deep is the lake?")
    assert (len(messages), wanted["type"]) == (1, "json_schema")
