"""Parts of a conversation and results of tools, as Converse takes them."""

from typing import Any

from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.protocols.bedrock_converse.asking import CALL, FOREIGN, NOVA, TOOLS, asked, body, losses, said
from tests.protocols.bedrock_converse.oracle import CLAUDE

from omnillm.model import (
    Audio,
    CacheControl,
    File,
    FileSource,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    LlmRequest,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    TextSource,
    ToolResult,
    UrlSource,
    Video,
    user,
)


def test_media_go_inline_or_by_s3() -> None:
    """Images, documents, videos and sounds; an address that Bedrock cannot fetch is a loss."""
    request = asked(
        Message(
            role=MessageRole.USER,
            parts=(
                ImageBase64(data=b"\x89PNG", media_type="image/png"),
                ImageUrl(url="s3://bucket/lake.jpg"),
                ImageUrl(url="https://example.com/lake.png"),
                File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths_2026.pdf"),
                File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths_2026.pdf"),
                Video(source=UrlSource(url="s3://bucket/lake.mp4")),
                Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav"), format="wav"),
                Text(text="What is this?"),
            ),
        )
    )
    [message] = body(request)["messages"]
    assert message["content"] == [
        {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/lake.jpg"}}}},
        {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "depths-2026-pdf"}},
        {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "depths-2026-pdf 2"}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/lake.mp4"}}}},
        {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}},
        {"text": "What is this?"},
    ]
    assert "dropped:input[0].parts[2]" in losses(request)


def shown(part: Any, *, role: MessageRole = MessageRole.USER) -> LlmRequest:
    """A part between two texts, at `input[1].parts[1]`."""
    return asked(user("hi"), Message(role=role, parts=(Text(text="a"), part, Text(text="b"))), user("go on"))


def inline(media_type: str, data: bytes = b"data", **members: Any) -> File:
    return File(source=InlineSource(data=data, media_type=media_type), filename="f", **members)


DATA = {"bytes": "ZGF0YQ=="}
PART = "input[1].parts[1]"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@in_turn(
    ("part", "block", "lost"),
    [
        (ImageBase64(data=b"data", media_type="image/webp"), {"image": {"format": "webp", "source": DATA}}, ""),
        (ImageBase64(data=b"GIF89a", media_type=""), {"image": {"format": "gif", "source": {"bytes": "R0lGODlh"}}}, "defaulted:media_type"),
        (ImageBase64(data=b"data", media_type="image/tiff"), None, "dropped:"),
        (
            ImageBase64(data=b"data", media_type="image/png", signature=FOREIGN),
            {"image": {"format": "png", "source": DATA}},
            "dropped:signature",
        ),
        (ImageUrl(url="s3://b/a", media_type="image/gif"), {"image": {"format": "gif", "source": {"s3Location": {"uri": "s3://b/a"}}}}, ""),
        (inline(WORD), {"document": {"format": "docx", "source": DATA, "name": "f"}}, ""),
        (
            inline("application/pdf", title="Depths", context="Of lakes.", has_citations=True),
            {"document": {"format": "pdf", "source": DATA, "name": "Depths", "context": "Of lakes.", "citations": {"enabled": True}}},
            "dropped:filename",
        ),
        (inline("text/x-python"), {"document": {"format": "txt", "source": DATA, "name": "f"}}, "approximated:source.media_type"),
        (
            inline("", b"%PDF"),
            {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "f"}},
            "defaulted:source.media_type",
        ),
        (inline("image/png"), {"image": {"format": "png", "source": DATA}}, "approximated:"),
        (inline("application/zip"), None, "dropped:"),
        (
            File(source=TextSource(text="data", media_type="text/x-rst"), filename="f"),
            {"document": {"format": "txt", "source": DATA, "name": "f"}},
            "approximated:source.media_type",
        ),
        (
            File(source=UrlSource(url="s3://b/a.pdf")),
            {"document": {"format": "pdf", "source": {"s3Location": {"uri": "s3://b/a.pdf"}}, "name": "document"}},
            "defaulted:filename",
        ),
        (File(source=UrlSource(url="https://example.com/a.pdf")), None, "dropped:"),
        (File(source=FileSource(file_id="file-1")), None, "dropped:"),
        (ImageFile(file_id="file-1"), None, "dropped:"),
        (Audio(source=InlineSource(data=b"data", media_type="audio/mpeg")), {"audio": {"format": "mp3", "source": DATA}}, ""),
        (Audio(source=InlineSource(data=b"data"), format="flac"), {"audio": {"format": "flac", "source": DATA}}, ""),
        (Audio(source=InlineSource(data=b"data", media_type="audio/amr")), None, "dropped:"),
        (Audio(audio_id="audio_1", transcript="Nine."), {"text": "Nine."}, "approximated:"),
        (Video(source=InlineSource(data=b"data", media_type="video/3gpp")), {"video": {"format": "three_gp", "source": DATA}}, ""),
        (
            Video(source=UrlSource(url="s3://b/a", media_type="video/webm"), metadata={"fps": 1}),
            {"video": {"format": "webm", "source": {"s3Location": {"uri": "s3://b/a"}}}},
            "dropped:metadata",
        ),
        (Video(source=UrlSource(url="s3://b/a.avi")), None, "dropped:"),
        (Json(value={"depth": 9}), {"text": '{"depth":9}'}, "approximated:value"),
        (Refusal(text="No."), {"text": "No."}, "approximated:"),
        (Refusal(text=""), None, "dropped:"),
        (Text(text=" \n"), None, "dropped:"),
        (Text(text="Nine.", signature=FOREIGN), {"text": "Nine."}, "dropped:signature"),
        (Native(protocol="openai_chat", kind="video_url", value={"type": "video_url"}), None, "dropped:"),
        (Native(protocol="bedrock_converse", kind="", value={}), None, "dropped:"),
        (
            Native(protocol="bedrock_converse", kind="guardContent", value={"guardContent": {"text": {"text": "hm"}}}),
            {"guardContent": {"text": {"text": "hm"}}},
            "",
        ),
    ],
)
def test_each_kind_of_part_has_its_block_or_a_reason(part: Any, block: dict[str, Any] | None, lost: str) -> None:
    """In the formats that the service names; what it has no place for is left out, and the rest of the message said."""
    request = shown(part)
    [message] = body(request)["messages"]
    assert message["content"][2:-2] == ([] if block is None else [block])
    kind, _, member = lost.partition(":")
    told = {each for each in losses(request) if PART in each}
    assert told == ({f"{kind}:{PART}{'.' if member else ''}{member}"} if lost else set())


@in_turn(
    ("part", "content", "lost"),
    [
        (Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav")), [], {"dropped:input[2].content[0]"}),
        (
            Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav"), transcript="Nine."),
            [{"text": "Nine."}],
            {"approximated:input[2].content[0]"},
        ),
        (Video(source=InlineSource(data=b"data", media_type="video/mp4")), [{"video": {"format": "mp4", "source": DATA}}], set()),
        (Json(value=[9]), [{"text": "[9]"}], {"approximated:input[2].content[0].value"}),
    ],
)
def test_result_of_a_tool_holds_what_converse_lets_it(part: Any, content: list[Any], lost: set[str]) -> None:
    """Text, JSON objects, images, documents and videos, but no sound, for which the service would refuse the whole call."""
    request = asked(user("hi"), said(CALL), ToolResult(call_id="t1", content=(part,)), capabilities=TOOLS)
    assert body(request)["messages"][2]["content"] == [{"toolResult": {"toolUseId": "t1", "content": content}}]
    assert losses(request) == lost


def test_lone_document_is_named() -> None:
    """Converse refuses a message with a document and no text, and Claude's own API takes it."""
    pdf = File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths")
    request = asked(Message(role=MessageRole.USER, parts=(pdf,)))
    document = {"document": {"format": "pdf", "source": {"bytes": "JVBERg=="}, "name": "depths"}}
    assert body(request)["messages"][0]["content"] == [document, {"text": "depths"}]
    assert losses(request) == {"defaulted:input[*]"}
    beside = asked(Message(role=MessageRole.USER, parts=(pdf, Text(text="How deep?"))))
    assert (body(beside)["messages"][0]["content"], losses(beside)) == ([document, {"text": "How deep?"}], set())


def test_results_stand_alone_where_the_model_wants_that() -> None:
    """Llama's, Mistral's and Writer's refuse a user's words beside them, and Mistral's an id of other than nine letters and digits."""
    turns = (user("hi"), said(replace(CALL, call_id="call_1")), ToolResult(call_id="call_1", content=(Text(text="9"),)), user("be brief"))
    request = asked(*turns, model="us.mistral.pixtral-large-2502-v1:0", capabilities=TOOLS)
    [_, called, *answered] = [message["content"] for message in body(request)["messages"]]
    called_id = called[0]["toolUse"]["toolUseId"]
    assert (len(called_id), called_id.isalnum()) == (9, True)
    result = {"toolResult": {"toolUseId": called_id, "content": [{"text": "9"}]}}
    assert answered == [[result], [{"text": "OK."}], [{"text": "be brief"}]]
    told = {"approximated:input[*]", "approximated:input[1].parts[0].call_id", "approximated:input[2].call_id"}
    assert losses(request) == told
    together = body(replace(request, model="us.meta.llama4-maverick-17b-instruct-v1:0"))["messages"]
    assert [len(message["content"]) for message in together] == [1, 1, 1, 1, 1]
    assert [len(message["content"]) for message in body(replace(request, model=CLAUDE))["messages"]] == [1, 1, 2]


def test_no_document_stands_beside_results() -> None:
    """Claude takes texts and images there alone. A mark stays behind its result, and Nova, which takes anything there, cites nothing."""
    pdf = File(source=InlineSource(data=b"%PDF", media_type="application/pdf"), filename="depths", has_citations=True)
    asks = Message(role=MessageRole.USER, parts=(Text(text="Read it."), pdf))
    result = ToolResult(call_id="t1", content=(Text(text="9"),), cache_control=CacheControl())
    request = asked(user("hi"), said(CALL), result, asks, capabilities=TOOLS)
    turns = [[next(iter(block)) for block in message["content"]] for message in body(request)["messages"]]
    assert turns == [["text"], ["toolUse"], ["toolResult", "cachePoint"], ["text"], ["text", "document"]]
    assert losses(request) == {"approximated:input[*]"}
    unmarked = asked(user("hi"), said(CALL), replace(result, cache_control=None), asks, model=NOVA, capabilities=TOOLS)
    answered = body(unmarked)["messages"][2]["content"]
    assert ([next(iter(block)) for block in answered], "citations" in answered[2]["document"]) == (
        ["toolResult", "text", "document"],
        False,
    )
    assert losses(unmarked) == {"dropped:input[3].parts[1].has_citations"}


def test_error_without_words_says_that_it_is_one() -> None:
    """Converse refuses it otherwise."""
    request = asked(user("hi"), said(CALL), ToolResult(call_id="t1", is_error=True), capabilities=TOOLS)
    told = {"toolResult": {"toolUseId": "t1", "content": [{"text": "Error"}], "status": "error"}}
    assert body(request)["messages"][2]["content"] == [told]
    assert losses(request) == {"defaulted:input[2].content"}


def test_reasoning_of_others_is_left_out() -> None:
    """A signature that this provider did not make would be refused."""
    foreign = Opaque(value="x", issuer=Issuer(protocol="gemini_generate_content"))
    turn = Message(role=MessageRole.ASSISTANT, parts=(Reasoning(text="hm", opaque=foreign), Text(text="Nine.")))
    request = asked(user("hi"), turn, user("sure?"))
    assert body(request)["messages"][1]["content"] == [{"text": "Nine."}]
    assert losses(request) == {"dropped:input[1].parts[0]"}


def test_result_without_its_call_is_the_users_word() -> None:
    """Converse refuses it otherwise."""
    request = asked(user("hi"), ToolResult(call_id="gone", name="search", content=(Text(text="9"),), is_error=True))
    [message] = body(request)["messages"]
    assert [block["text"] for block in message["content"]] == ["hi", '<tool_result name="search" is_error="true">', "9", "</tool_result>"]
