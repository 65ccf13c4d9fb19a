"""Results of tools that other protocols' clients bring, which Gemini wants behind their calls."""

from typing import Any

from tests.in_turn import in_turn
from tests.protocols.gemini_generate_content.asking import FOREIGN, QUESTION, emit, parse, parts_of, request, said, written
from tests.protocols.gemini_generate_content.bodies import PNG, UNCHECKED, answers, call, inline, result, signed

from omnillm.model import (
    CapabilitySet,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Json,
    Message,
    MessageRole,
    Native,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
    user,
)
from omnillm.protocols.dialects import GeminiDialect


def test_first_call_of_a_step_is_not_checked() -> None:
    """Where no signature of Gemini's is known; the calls beside it need none."""
    foreign = ToolCall(call_id="a", name="f", arguments="{}", signature=FOREIGN)
    calls = (ToolCall(call_id="b", name="f", arguments=""), foreign)
    parts, lost = parts_of(*calls, role=MessageRole.ASSISTANT)
    assert parts == [signed(call("f", {}, id="b"), UNCHECKED), call("f", {}, id="a")]
    assert lost == {"input[1].parts[1].signature": "dropped"}
    parts, lost = parts_of(foreign, role=MessageRole.ASSISTANT)
    assert parts == [signed(call("f", {}, id="a"), UNCHECKED)]
    assert lost == {"input[1].parts[0].signature": "approximated"}


def test_tool_results() -> None:
    """Consecutive results are one content; each has the name of its call."""
    made = ToolCall(call_id="c1", name="search", arguments="{lake")
    results = (
        ToolResult(call_id="c1", content=(Text(text="a"), ImageBase64(data=PNG, media_type="image/png")), is_error=True),
        ToolResult(call_id="c2", content=(Json(value={"error": 5}),)),
        ToolResult(call_id="c3", content=(Json(value=[1]), Text(text="b")), kind="custom"),
    )
    others = (ToolCall(call_id="c2", name="c2", arguments="null"), ToolCall(call_id="c3", name="c3"))
    body, lost = emit(request(QUESTION, said(made, *others), *results))
    assert [part["functionCall"]["args"] for part in body["contents"][1]["parts"]] == [{"_raw": "{lake"}, {}, {}]
    assert body["contents"][2:] == [
        answers(
            result({"error": "a"}, id="c1", parts=[inline("image/png", PNG)]),
            result({"result": {"error": 5}}, "c2", id="c2"),
            result({"result": "[1]\n\nb"}, "c3", id="c3"),
        )
    ]
    assert lost == {"input[1].parts[0].arguments": "approximated", "input[4].content": "approximated", "input[4].kind": "approximated"}
    back = parse(body)[0].input
    assert isinstance(back[1], Message)
    assert back[1].tool_calls[0].arguments == "{lake"
    assert back[3].content == (Json(value={"error": 5}),)  # type: ignore[union-attr]


def calls(*call_ids: str) -> Message:
    return said(*(ToolCall(call_id=call_id, name="f", arguments="{}") for call_id in call_ids))


def answer(call_id: str, *content: Any, **members: Any) -> ToolResult:
    return ToolResult(call_id=call_id, content=content or (Text(text=call_id),), **members)


def test_what_is_lost_inside_a_result_is_told_by_its_place() -> None:
    """Each part of it by its own number; what follows a picture comes before it."""
    call = ToolCall(call_id="c", name="f", arguments="{}")
    content = (
        ImageBase64(data=b"\x89PNG", media_type="image/png", detail="low"),
        Text(text="149 m."),
        ImageFile(file_id="file-1", protocol="openai_responses"),
    )
    tools = CapabilitySet(tools=(ToolDefinition(name="f"),))
    body, lost = emit(request(QUESTION, said(call), ToolResult(call_id="c", content=content), capabilities=tools))
    [part] = body["contents"][2]["parts"]
    assert part["functionResponse"]["response"] == {"result": "149 m."}
    assert [each["inlineData"]["mimeType"] for each in part["functionResponse"]["parts"]] == ["image/png"]
    assert lost == {"input[2].content": "moved", "input[2].content[0].detail": "dropped", "input[2].content[2]": "dropped"}


def test_results_directly_follow_their_calls() -> None:
    """What else was said between them comes after."""
    short, lost = written(
        QUESTION, calls("a", "b"), user("Wait."), answer("b"), Message.text(MessageRole.SYSTEM, "Now."), answer("a"), user("Go on.")
    )
    results = ["functionResponse b", "functionResponse a"]
    assert short == [
        ["user", "Hi"],
        ["model", "functionCall a", "functionCall b"],
        ["user", *results, "Wait.", "<system>\nNow.\n</system>", "Go on."],
    ]
    assert {path: kind for path, kind in lost.items() if kind == "moved"} == {f"input[{number}]": "moved" for number in (3, 4, 5, 6)}


def test_results_of_an_earlier_step_go_back_to_it() -> None:
    """Also over a word of the model's; an id that is used again means the last call."""
    short, lost = written(QUESTION, calls("a"), user("And?"), calls("b"), answer("a"), said(Text(text="So.")), answer("b"))
    assert short[1:] == [
        ["model", "functionCall a"],
        ["user", "functionResponse a", "And?"],
        ["model", "functionCall b", "So."],
        ["user", "functionResponse b"],
    ]
    assert lost["input[4]"] == "moved"
    assert "input[6]" not in lost
    short, lost = written(QUESTION, calls("a"), answer("a"), calls("a"), answer("a"))
    assert [content[0] for content in short] == ["user", "model", "user", "model", "user"]
    assert lost == {}


def test_result_without_a_call_is_said_by_the_user() -> None:
    """Its call was another provider's own, or was cut off; the second answer to one call is one too."""
    native = Native(protocol="openai_responses", kind="shell_call", value={"type": "shell_call"})
    picture = ImageBase64(data=PNG, media_type="image/png")
    short, lost = written(
        QUESTION, said(Text(text="I look."), native), answer("x", Text(text="149 m"), picture), answer("y", Json(value=[1]), is_error=True)
    )
    assert short == [
        ["user", "Hi"],
        ["model", "I look."],
        ["user", "<tool_result>\n149 m\n</tool_result>", "inlineData", "<tool_error>\n[1]\n</tool_error>"],
    ]
    assert lost == {"input[1].parts[1]": "dropped", "input[2]": "approximated", "input[3]": "approximated"}
    short, lost = written(QUESTION, calls("a"), answer("a"), answer("a"))
    assert short[2] == ["user", "functionResponse a", "<tool_result>\na\n</tool_result>"]
    assert lost == {"input[3]": "approximated"}


def test_before_gemini_3_results_have_no_ids_and_pictures_stand_after_them() -> None:
    """Which takes both: results are told apart by the order of their calls, whatever the client's own is."""
    picture = ImageBase64(data=PNG, media_type="image/png")
    items = (QUESTION, calls("a", "b"), answer("b"), answer("a", Text(text="a"), picture), user("Go on."))
    older = GeminiDialect(joins_tools=False)
    short, lost = written(*items, dialect=older)
    body, _ = emit(request(*items), older)
    assert [next(iter(part.values())).keys() for part in body["contents"][1]["parts"]] == [{"name", "args"}] * 2
    assert short[2] == ["user", "functionResponse a", "functionResponse b", "inlineData", "Go on."]
    assert lost == {"input[3].content": "moved"}
    assert written(*items)[0][2] == ["user", "functionResponse b", "functionResponse a", "Go on."]


@in_turn("value", [{}, {"result": "a"}, {"output": 5}, {"error": {}}, {"a": 1}, {"result": {"a": 1}}, {"result": {}}, [], 5, None])
@in_turn("is_error", [None, True])
def test_json_result_comes_back(value: Any, is_error: bool | None) -> None:
    """Whatever it looks like."""
    answer = ToolResult(call_id="c1", name="f", content=(Json(value=value),), is_error=is_error)
    made = said(ToolCall(call_id="c1", name="f", arguments="{}"))
    body, lost = emit(request(QUESTION, made, answer))
    assert parse(body)[0].input[2] == answer
    assert lost == {}


def test_result_holds_what_a_response_may() -> None:
    """The Gemini API refuses an address within it, and every type but five: these stand behind the results."""
    call = ToolCall(call_id="c", name="f", arguments="{}")
    content = (
        ImageUrl(url="https://example.com/a.png", media_type="image/png"),
        ImageBase64(data=b"GIF8", media_type="image/gif"),
        ImageBase64(data=b"\x89PNG", media_type="image/png"),
    )
    tools = CapabilitySet(tools=(ToolDefinition(name="f"),))
    body, lost = emit(request(QUESTION, said(call), ToolResult(call_id="c", content=content), capabilities=tools))
    [part, *behind] = body["contents"][2]["parts"]
    assert [each["inlineData"]["mimeType"] for each in part["functionResponse"]["parts"]] == ["image/png"]
    assert [next(iter(each)) for each in behind] == ["fileData", "inlineData"]
    assert lost == {"input[2].content": "moved"}
