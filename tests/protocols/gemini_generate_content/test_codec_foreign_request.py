"""Requests of other protocols' clients, written as generateContent: system text, parts, media."""

from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.gemini_generate_content.asking import FOREIGN, QUESTION, P, emit, parts_of, request, said
from tests.protocols.gemini_generate_content.bodies import HI, PNG, SIGNATURE, answers, inline, signed

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    CacheControl,
    Citation,
    File,
    FileSource,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    TextSource,
    UrlSource,
    Video,
    user,
)
from omnillm.protocols.dialects import GeminiDialect


def test_system_text() -> None:
    """At the start it is the systemInstruction, later a word of the user's."""
    system = Message.text(MessageRole.SYSTEM, "Be brief.")
    body, lost = emit(request(system, QUESTION, said(Text(text="Hello.")), Message.text(MessageRole.DEVELOPER, "In German."), user("Now?")))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"][-1] == answers({"text": "<system>\nIn German.\n</system>"}, {"text": "Now?"})
    assert lost == {"input[3]": "moved", "input[3].role": "approximated", "input[4]": "moved"}


def test_instructions_come_first() -> None:
    """Each message of the start is a part."""
    body, lost = emit(request(Message.text(MessageRole.SYSTEM, "b"), Message.text(MessageRole.SYSTEM, "c"), QUESTION, instructions="a"))
    assert body["systemInstruction"]["parts"] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert lost == {"instructions": "moved", "input[1]": "moved"}


def test_system_text_alone_is_said_by_the_user() -> None:
    """Gemini refuses a request without contents."""
    body, lost = emit(request(Message.text(MessageRole.SYSTEM, "Write a poem.")))
    assert body == {"contents": [answers({"text": "Write a poem."})]}
    assert lost == {"input[0]": "moved"}


@pytest.mark.parametrize(("provider", "is_told"), [("google", True), ("", True), ("vertex", False)])
def test_signature_returns_to_its_provider_alone(provider: str, is_told: bool) -> None:
    """Others of the same protocol cannot read it."""
    own = Opaque(value=SIGNATURE, issuer=Issuer(protocol=P, provider="google"))
    body, lost = emit(request(QUESTION, said(Text(text="a", signature=own))), GeminiDialect(provider=provider))
    assert body["contents"][1]["parts"] == [signed({"text": "a"}) if is_told else {"text": "a"}]
    assert bool(lost) is not is_told


def test_reasoning_of_others_is_a_thought_without_signature() -> None:
    """It never becomes an answer; what has no text is left out."""
    parts, lost = parts_of(
        Reasoning(text="Hm.", opaque=FOREIGN),
        Reasoning(opaque=FOREIGN, is_redacted=True),
        Reasoning(summary=("a", "b")),
        Reasoning(),
        role=MessageRole.ASSISTANT,
    )
    assert parts == [{"text": "Hm.", "thought": True}, {"text": "a\n\nb", "thought": True}]
    assert lost == {
        "input[1].parts[0].opaque": "dropped",
        "input[1].parts[1]": "dropped",
        "input[1].parts[2].summary": "approximated",
        "input[1].parts[3]": "dropped",
    }


MEDIA: tuple[tuple[Any, dict | None, dict[str, str]], ...] = (
    (
        ImageUrl(url="https://a.b/c.jpg?x=1", detail="low"),
        {"mimeType": "image/jpeg", "fileUri": "https://a.b/c.jpg?x=1"},
        {".detail": "dropped"},
    ),
    (ImageUrl(url="https://a.b/c"), {"mimeType": "image/jpeg", "fileUri": "https://a.b/c"}, {".media_type": "defaulted"}),
    (ImageFile(file_id="file-1", protocol="openai_responses"), None, {"": "dropped"}),
    (File(source=FileSource(file_id="file-1", protocol="openai_chat")), None, {"": "dropped"}),
    (
        File(source=UrlSource(url="https://a.b/c.pdf")),
        {"mimeType": "application/pdf", "fileUri": "https://a.b/c.pdf"},
        {".source.media_type": "defaulted"},
    ),
    (Video(source=UrlSource(url="https://youtu.be/1")), {"fileUri": "https://youtu.be/1"}, {}),
    (Audio(audio_id="a1"), None, {"": "dropped", ".audio_id": "dropped"}),
)


@in_turn(("part", "written", "lost"), MEDIA)
def test_media_by_address(part: Any, written: dict | None, lost: dict[str, str]) -> None:
    """A file's id crosses to no other provider; a media type that nobody said is guessed."""
    parts, found = parts_of(Text(text="a"), part)
    assert parts[1:] == ([] if written is None else [{"fileData": written}])
    assert found == {f"input[0].parts[1]{member}": kind for member, kind in lost.items()}


def test_media_inline() -> None:
    """Names and titles of documents have no place."""
    document = File(source=TextSource(text="149 m"), title="Lake", has_citations=True)
    named = File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="a.pdf")
    sound = Audio(source=InlineSource(data=b"RIFF"), format="mp3")
    parts, lost = parts_of(document, named, sound, ImageBase64(data=PNG))
    assert parts == [
        inline("text/plain", b"149 m"),
        inline("application/pdf", b"%PDF"),
        inline("audio/mp3", b"RIFF"),
        inline("image/jpeg", PNG),
    ]
    assert lost == {
        "input[0].parts[0].title": "dropped",
        "input[0].parts[0].has_citations": "dropped",
        "input[0].parts[1].filename": "dropped",
        "input[0].parts[3].media_type": "defaulted",
    }


def test_parts_that_gemini_does_not_have() -> None:
    """Each is told."""
    native = Native(protocol="openai_responses", kind="web_search_call", value={"type": "web_search_call"})
    marked = Text(text="b", cache_control=CacheControl(), citations=(Citation(url="u"),), vendor_extensions={"x": 1})
    parts, lost = parts_of(Refusal(text="No."), Json(value=[1]), native, Text(text=""), marked)
    assert parts == [{"text": "No."}, {"text": "[1]"}, {"text": "b"}]
    assert lost == {
        "input[0].parts[0]": "approximated",
        "input[0].parts[1].value": "approximated",
        "input[0].parts[2]": "dropped",
        "input[0].parts[3]": "dropped",
        "input[0].parts[4].cache_control": "dropped",
        "input[0].parts[4].citations": "dropped",
        "input[0].parts[4].vendor_extensions.x": "dropped",
    }


def test_state_of_another_provider_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(ProtocolError):
        emit(request(previous_response_id="resp_1"))


def test_typed_field_wins_over_an_extension() -> None:
    """What an extension adds stands beside it."""
    body, _ = emit(
        request(
            protocol=P,
            generation=GenerationConfig(seed=1),
            vendor_extensions={"generationConfig": {"seed": 2, "mediaResolution": "MEDIA_RESOLUTION_LOW"}, "contents": []},
        )
    )
    assert body == {"contents": [HI], "generationConfig": {"seed": 1, "mediaResolution": "MEDIA_RESOLUTION_LOW"}}
