"""The protocols by name."""

from collections.abc import Callable

import msgspec
import pytest
from tests.in_turn import in_turn

import omnillm
from omnillm.protocols.protocol import Fault
from omnillm.protocols.registry import PROTOCOLS

CONTEXT = omnillm.ReplyContext(id="a", created=0, model="m")
FAULT = Fault(status=400, code="c", message="m", request_id="r", retry_after_s=None, details={})


def test_every_protocol_stands_under_its_own_name():
    """Configuration and paths name them so."""
    assert set(PROTOCOLS) == {
        "openai_chat",
        "openai_responses",
        "anthropic_messages",
        "gemini_generate_content",
        "gemini_interactions",
        "bedrock_converse",
        "bedrock_invoke",
    }
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())


TRANSLATIONS = {
    "parse_request": lambda name: omnillm.parse_request(name, b"{}"),
    "emit_request": lambda name: omnillm.emit_request(name, omnillm.LlmRequest(model="m")),
    "parse_response": lambda name: omnillm.parse_response(name, b"{}"),
    "emit_response": lambda name: omnillm.emit_response(name, omnillm.LlmResponse(), CONTEXT),
    "transcode_request": lambda name: omnillm.transcode_request(name, "openai_chat", b"{}"),
    "transcode_response": lambda name: omnillm.transcode_response(name, "openai_chat", b"{}", context=CONTEXT),
    "parse_error": lambda name: omnillm.parse_error(name, 400, b"{}"),
    "emit_error": lambda name: omnillm.emit_error(name, FAULT),
    "transcode_error": lambda name: omnillm.transcode_error(name, "openai_chat", status=400, body=b"{}"),
    "transcode_error, to": lambda name: omnillm.transcode_error("openai_chat", name, status=400, body=b"{}"),
    "StreamTranscoder": lambda name: omnillm.StreamTranscoder(name, "openai_chat", context=CONTEXT),
    "stream_decoder": omnillm.stream_decoder,
    "stream_encoder": lambda name: omnillm.stream_encoder(name, context=CONTEXT),
}


@in_turn("name", TRANSLATIONS)
def test_a_protocol_that_is_none_is_told_by_every_translation(name: str) -> None:
    """With those that there are."""
    with pytest.raises(omnillm.ProtocolError, match="There is no protocol 'claude'; there are openai_chat, ") as told:
        TRANSLATIONS[name]("claude")
    assert told.value.reason == "unsupported_wire_format"


@in_turn("name", TRANSLATIONS)
def test_every_spelling_is_taken_by_every_translation(name: str) -> None:
    """The crate's own, in any case: what comes of it, or is refused, is the same."""
    translate = TRANSLATIONS[name]
    under_its_name = outcome(translate, "openai_chat")
    assert outcome(translate, "Chat_Completions") == outcome(translate, "open_ai_chat_completions_compat") == under_its_name


def outcome(translate: Callable[[str], object], protocol: str) -> object:
    try:
        made = translate(protocol)
    except omnillm.OmniError as error:
        return type(error), error.message
    if isinstance(made, omnillm.StreamTranscoder):
        return made.target, made.is_bridged
    return made if isinstance(made, msgspec.Struct) else type(made)
