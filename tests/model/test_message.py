"""Messages as everybody who writes them asks for them."""

from typing import Any

from tests.in_turn import in_turn

from omnillm.model import (
    CacheControl,
    Citation,
    Issuer,
    LlmRequest,
    Message,
    MessageRole,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    user,
)
from omnillm.model.message import lone_words

BESIDE: dict[str, Any] = {
    "cache_control": CacheControl(),
    "vendor_extensions": {"odd": 0},
    "citations": (Citation(url="https://example.com"),),
    "signature": Opaque(value="s", issuer=Issuer(protocol="gemini_generate_content")),
    "item_id": "msg_1",
}


def test_a_text_alone_is_lone_words() -> None:
    """Which is most of what is said."""
    assert lone_words(user("Hi")) == "Hi"


@in_turn("field", [name for name in Text.__struct_fields__ if name != "text"])
def test_a_text_with_anything_beside_its_words_is_more_than_words(field: str) -> None:
    """Whichever field has it: who wrote the words alone would drop it."""
    assert lone_words(Message(role=MessageRole.USER, parts=(Text(text="Hi", **{field: BESIDE[field]}),))) == ""


@in_turn("beside", [{"name": "Ann"}, {"vendor_extensions": {"odd": 0}}])
def test_a_message_with_anything_beside_its_text_is_more_than_words(beside: dict[str, Any]) -> None:
    """Who speaks is said too."""
    assert lone_words(Message(role=MessageRole.USER, parts=(Text(text="Hi"),), **beside)) == ""


@in_turn("parts", [(), (Text(text=""),), (Text(text="a"), Text(text="b")), (Refusal(text="No"),)])
def test_no_text_or_several_or_another_part_is_not_lone_words(parts: Any) -> None:
    """They are written part by part."""
    assert lone_words(Message(role=MessageRole.USER, parts=parts)) == ""


def test_a_request_knows_its_parts() -> None:
    """Those of its messages: the result of a tool has none, whatever it holds."""
    call = ToolCall(call_id="c", name="search")
    spoken = Message(role=MessageRole.ASSISTANT, parts=(Reasoning(text="Hm"), call))
    answer = ToolResult(call_id="c", content=(Text(text="149 m"),))
    assert LlmRequest(model="m", input=(user("Hi"), spoken, answer)).parts == [Text(text="Hi"), Reasoning(text="Hm"), call]
    assert lone_words(answer) == ""
