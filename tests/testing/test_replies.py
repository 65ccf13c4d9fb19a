"""What the protocols' forms have in common."""

import json

from tests.in_turn import in_turn

from omnillm.protocols.differences.asked_json import words_for
from omnillm.testing import Fault
from omnillm.testing.composition import compose
from omnillm.testing.replies import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS, OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.testing.replies.openai import duration
from omnillm.testing.replies.reading import markers_in
from omnillm.testing.replies.speaker import Standing, Trouble, Wanted

SPEAKERS = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT)


@in_turn(
    ("seconds", "text"),
    [(0, "0s"), (0.012, "12ms"), (1, "1s"), (1.5, "1.5s"), (60, "1m0s"), (90.5, "1m30.5s"), (360, "6m0s"), (3723, "1h2m3s")],
)
def test_durations_are_written_as_openai_does(seconds, text):
    """12ms, 1s, 6m0s, 1m30.5s."""
    assert duration(seconds) == text


@in_turn("speaker", SPEAKERS, ids=lambda speaker: speaker.protocol)
@in_turn("status", [400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 504, 529])
def test_every_status_has_a_form(speaker, status):
    """Known or not, an error has a type and a message; a message that is given stands."""
    inner = speaker.error(Trouble(status=status))["error"]
    assert inner["message"]
    assert inner.get("type") or inner["status"]
    assert speaker.error(Trouble(status=status, message="mine"))["error"]["message"] == "mine"


@in_turn("speaker", SPEAKERS, ids=lambda speaker: speaker.protocol)
def test_fields_carry_the_request_id(speaker):
    """Each reply can be told from every other."""
    standing = Standing(request_id="req_7", wall=0.0, limit=10, remaining=9, reset_s=6.0)
    assert "req_7" in speaker.fields(standing).values()


@in_turn(
    ("fault", "action", "point", "after", "is_generated"),
    [
        (Fault.reset(), "reset", "head", 0, False),
        (Fault.cut(after_bytes=3), "close", "bytes", 3, True),
        (Fault.reset(after_events=2), "reset", "events", 2, True),
        (Fault.stall(), "stall", "head", 0, True),
    ],
)
def test_faults_are_made_by_name(fault, action, point, after, is_generated):
    """The constructors say what happens, where, and whether it is billed."""
    assert (fault.action, fault.point, fault.after, fault.is_generated) == (action, point, after, is_generated)


def test_a_marker_within_arguments_is_theirs():
    """So a tool that gives its arguments back makes the model call the next one; what is no JSON, or does not end, is no marker."""
    nested = '[[call:echo {"text": "[[call:look {\\"at\\": [[1]]}]]"}]]'
    assert markers_in(f"[[think]] {nested} [[call:look]]").calls == (
        Wanted("echo", {"text": '[[call:look {"at": [[1]]}]]'}),
        Wanted("look", {}),
    )
    assert markers_in('[[call:look{"at":"pier"}]]').calls == (Wanted("look", {"at": "pier"}),)  # without a blank, as some shells need it
    assert markers_in('[[call:look {"at": }]] [[call:look {"at": 1} [[call:look {').calls == ()


LOOK = '[[call:look {"at": "pier"}]]'
WHAT = {"type": "function", "name": "what"}
RESULTS = {
    OPENAI_CHAT: lambda told: {
        "messages": [
            {"role": "user", "content": "[[call:what]] go"},
            {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b"}]},
            {"role": "tool", "tool_call_id": "a", "content": told},
            {"role": "tool", "tool_call_id": "b", "content": "calm"},
        ]
    },
    OPENAI_RESPONSES: lambda told: {
        "input": [
            {"role": "user", "content": "[[call:what]] go"},
            {**WHAT, "type": "function_call", "call_id": "a"},
            {**WHAT, "type": "function_call", "call_id": "b"},
            {"type": "function_call_output", "call_id": "a", "output": told},
            {"type": "function_call_output", "call_id": "b", "output": "calm"},
        ]
    },
    ANTHROPIC_MESSAGES: lambda told: {
        "max_tokens": 100,
        "messages": [
            {"role": "user", "content": "[[call:what]] go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": name, "name": "what", "input": {}} for name in "ab"]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": told},
                    {"type": "tool_result", "tool_use_id": "b", "content": "calm"},
                ],
            },
        ],
    },
    GEMINI_GENERATE_CONTENT: lambda told: {
        "contents": [
            {"role": "user", "parts": [{"text": "[[call:what]] go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "what"}}] * 2},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "what", "response": each}} for each in ({"seen": told}, {"result": "calm"})],
            },
        ]
    },
    GEMINI_INTERACTIONS: lambda told: {
        "input": [
            {"type": "user_input", "content": [{"type": "text", "text": "[[call:what]] go"}]},
            {**WHAT, "type": "function_call", "id": "a"},
            {**WHAT, "type": "function_call", "id": "b"},
            {"type": "function_result", "call_id": "a", "result": {"seen": told}},
            {"type": "function_result", "call_id": "b", "result": "calm"},
        ]
    },
}


@in_turn("told", [LOOK, json.dumps({"seen": LOOK})])
@in_turn("speaker", RESULTS)
def test_a_tools_result_says_what_the_model_calls_next(speaker, told):
    """Any of several, as text or within JSON; what the user asked for before is done."""
    assert speaker.read({"model": "m", **RESULTS[speaker](told)}).markers.calls == (Wanted("look", {"at": "pier"}),)


@in_turn(
    ("speaker", "body"),
    [
        (OPENAI_CHAT, {"messages": [{"role": "user", "content": "JSON?"}], "response_format": {"type": "json_object"}}),
        (OPENAI_RESPONSES, {"input": "JSON?", "text": {"format": {"type": "json_object"}}}),
        (GEMINI_GENERATE_CONTENT, {"contents": [{"parts": [{"text": "?"}]}], "generationConfig": {"responseMimeType": "application/json"}}),
        (GEMINI_INTERACTIONS, {"input": "?", "response_format": {"type": "text", "mime_type": "application/json"}}),
    ],
)
def test_json_without_a_schema_is_an_object(speaker, body):
    """As OpenAI's JSON mode promises it."""
    [block] = compose(speaker.read({"model": "m", **body}), 20, None).blocks
    assert block.text == '{"answer":"heron"}'


@in_turn(("words", "answer"), [(words_for(None), '{"answer":"heron"}'), (words_for({"properties": {"n": {"type": "integer"}}}), '{"n":7}')])
def test_json_that_is_asked_for_in_words_is_given(words, answer):
    """As the gateway asks a host that takes no schema, or none beside tools; more may be said after it."""
    body = {"contents": [{"parts": [{"text": "?"}]}], "systemInstruction": {"parts": [{"text": words + "\n\nBe brief."}]}}
    [block] = compose(GEMINI_GENERATE_CONTENT.read(body), 20, None).blocks
    assert block.text == answer
