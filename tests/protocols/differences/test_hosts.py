"""What single hosts refuse, and others of the same protocol take."""

import pytest
from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, GEMINI, HI, MESSAGES, RESPONSES, chat, messages, result, said, spoken_to, turn

from omnillm.protocols.dialects import ChatDialect
from omnillm.providers.kinds import Quirks, endpoint
from omnillm.secret import Secret


def test_mistral_has_documents_and_knows_no_users() -> None:
    """It refuses `file` and `user`, and Claude Code always says who its user is."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    sources = [pdf, {"type": "url", "url": "https://example.com/a.pdf"}]
    body = messages(messages=[{"role": "user", "content": [{"type": "document", "source": source} for source in sources]}])
    dialect = spoken_to(endpoint("mistral"))
    written, lost = said(MESSAGES, CHAT, body | {"metadata": {"user_id": "u"}}, dialect)
    urls = ["data:application/pdf;base64,JVBERi0=", "https://example.com/a.pdf"]
    assert written["messages"][0]["content"] == [{"type": "document_url", "document_url": url} for url in urls]
    assert ("user" in written, lost) == (False, {"user_id": "dropped"})
    named = {"type": "input_file", "filename": "a.pdf", "file_data": urls[0]}
    written, _ = said(RESPONSES, CHAT, {"model": "m", "input": [{"role": "user", "content": [named]}]}, dialect)
    assert written["messages"][0]["content"] == [{"type": "document_url", "document_url": urls[0], "document_name": "a.pdf"}]
    named["file_data"] = pdf["data"]
    bare, lost = said(RESPONSES, CHAT, {"model": "m", "input": [{"role": "user", "content": [named]}]}, dialect)
    assert (bare, lost) == (written, {"input[0].parts[0].media_type": "defaulted"})
    strings = spoken_to(endpoint("mistral", quirks=Quirks(content="string")))
    written, _ = said(MESSAGES, CHAT, messages(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}] * 2}]), strings)
    assert written["messages"] == [{"role": "user", "content": "a\n\na"}]


@in_turn("media_type", ["image/PNG", "image/png;charset=utf-8", "image/png; name=a.png"])
def test_picture_is_known_whatever_its_url_says_beside_its_type(media_type: str) -> None:
    """OpenAI reads such a data: URL; Claude and Gemini take the plain type alone."""
    picture = {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,iVBORw0K"}}
    body, lost = said(CHAT, MESSAGES, chat(messages=[{"role": "user", "content": [picture]}]))
    assert body["messages"][0]["content"][0]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}
    assert lost == {}
    picture["image_url"] = {"url": "data:image/jpg;base64,/9j/"}
    body, lost = said(CHAT, GEMINI, chat(messages=[{"role": "user", "content": [picture]}]))
    assert body["contents"][0]["parts"] == [{"inlineData": {"mimeType": "image/jpeg", "data": "/9j/"}}]
    assert lost == {"input[0].parts[0].media_type": "approximated"}


@in_turn("kind", ["gemini", "vertex_ai"])
def test_vertex_gets_no_ids_of_calls_no_tier_and_no_word_of_googles_own_calls(kind: str) -> None:
    """The Gemini API refuses its own tools beside functions without a member that Vertex AI refuses, like the others."""
    address = Secret("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1") if kind == "vertex_ai" else None
    dialect = spoken_to(endpoint(kind, base_url=address), GEMINI, "gemini-3-pro")
    tools = [{"type": "function", "name": "f", "strict": False}, {"type": "web_search"}]
    body, lost = said(RESPONSES, GEMINI, {"model": "m", "input": "Hi", "tools": tools, "service_tier": "flex"}, dialect)
    assert (body.get("serviceTier"), lost.get("generation.service_tier")) == (("flex", None) if kind == "gemini" else (None, "dropped"))
    assert [tool.keys() & {"functionDeclarations", "googleSearch"} for tool in body["tools"]] == [
        {"functionDeclarations"},
        {"googleSearch"},
    ]
    assert body.get("toolConfig") == ({"includeServerSideToolInvocations": True} if kind == "gemini" else None)
    body, _ = said(CHAT, GEMINI, chat(messages=[HI, turn(("1", "f")), result("1", "done"), HI]), dialect)
    called = [part.get(member) for turn in body["contents"] for part in turn["parts"] for member in ("functionCall", "functionResponse")]
    assert [each.get("id") for each in called if each] == (["1", "1"] if kind == "gemini" else [None, None])


def test_a_request_is_written_in_the_dialect_of_its_own_protocol() -> None:
    """Another one would be read as if nothing were known of the host."""
    with pytest.raises(TypeError, match="anthropic_messages is written in a ClaudeDialect, not in a ChatDialect"):
        said(CHAT, MESSAGES, chat(), ChatDialect())
