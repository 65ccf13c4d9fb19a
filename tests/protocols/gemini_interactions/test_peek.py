"""Requests for interactions and their replies, as far as they are looked at."""

import json

import pytest
from tests.in_turn import in_turn
from tests.protocols.gemini_interactions.saying import USAGE, completed
from tests.protocols.gemini_interactions.saying import WHOLE as EVENTS
from tests.protocols.peeking import members

from omnillm.errors import BadRequest
from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.gemini_interactions import PROTOCOL
from omnillm.protocols.members import emit
from omnillm.protocols.protocol import Weight
from omnillm.records import BATCH_BILL
from omnillm.usage import MAX_COUNT, Usage

ASKED = {"model": "m", "input": "Hi"}
TEXT = {"type": "text", "text": "Deep."}
WHOLE = {"id": "v1_a", "status": "completed", "steps": [{"type": "model_output", "content": [TEXT]}], "usage": USAGE}


def peek(**more):
    return PROTOCOL.peek_request(members({**ASKED, **more}))


def reply(**more):
    return PROTOCOL.peek_reply(json.dumps({**WHOLE, **more}).encode())


def test_a_plain_request():
    """The model without its collection, no cap, nothing that decides the price."""
    found = peek(model="models/gemini-x")
    assert (found.model, found.is_stream, found.output_cap, found.n, found.price_members) == ("gemini-x", False, None, 1, ())


@in_turn(
    ("more", "names"),
    [
        ({"tools": [{"type": "function", "name": "f"}], "stream": True, "store": False, "labels": {"a": "b"}}, ()),
        ({"tools": [{"type": "google_search"}]}, ("tools",)),
        ({"background": True, "previous_interaction_id": "v1_a"}, ("background", "previous_interaction_id")),
        ({"service_tier": "flex", "cached_content": "cachedContents/a"}, ("service_tier", "cached_content")),
        ({"continuation_token": "t", "environment": "e"}, ("continuation_token", "environment")),
        ({"previousInteractionId": "v1_a"}, ("previousInteractionId",)),
        ({"generation_config": {"maxOutputTokens": 7}}, ("generation_config.maxOutputTokens",)),
    ],
)
def test_what_decides_the_price_is_named(more, names):
    """Also what is spelt in another way than is known here."""
    assert peek(**more).price_members == names


@in_turn(("config", "cap"), [({"max_output_tokens": 7}, 7), ({"maxOutputTokens": 7}, None), ({}, None), (None, None), ({"seed": 1}, None)])
def test_the_cap_stands_in_the_configuration(config, cap):
    """In the spelling of the API; whether another binds, nobody says."""
    assert peek(generation_config=config).output_cap == cap


def test_an_agent_is_asked_for_as_a_model_is():
    """And named anew in its own member."""
    asked = members({"agent": "deep-research", "input": "Hi", "model": None})
    assert PROTOCOL.peek_request(asked).model == "deep-research"
    assert PROTOCOL.rename is not None
    assert json.loads(emit(asked, PROTOCOL.rename(asked, "other"))) == {"agent": "other", "input": "Hi", "model": None}
    assert PROTOCOL.rename(members(ASKED), "other") == {"model": b'"other"'}


@in_turn(
    ("body", "told"),
    [
        ({"input": "Hi"}, "`model` or `agent` is required"),
        ({"model": "m", "agent": "a", "input": "Hi"}, "exclude each other"),
        ({"model": "m" * 257, "input": "Hi"}, "at most 256"),
        ({"model": 7, "input": "Hi"}, "`model` must be a string"),
        ({"model": "m"}, "`input` must be"),
        ({"model": "m", "input": 7}, "`input` must be"),
        ({"model": "m", "input": None, "previous_interaction_id": "v1_a"}, "`input` must be"),
        (ASKED | {"stream": 1}, "`stream` must be a boolean"),
        (ASKED | {"tools": [7]}, "`tools` must be an array of objects"),
        (ASKED | {"generation_config": {"max_output_tokens": 0}}, "`generation_config`"),
    ],
)
def test_what_cannot_be_asked_is_refused(body, told):
    """With the member's name."""
    with pytest.raises(BadRequest, match=told):
        PROTOCOL.peek_request(members(body))


def test_an_interaction_that_goes_on_needs_no_input():
    """The one before it has it."""
    assert PROTOCOL.peek_request(members({"model": "m", "continuation_token": "t"})).model == "m"


def test_a_reply_tells_usage_tier_and_content():
    """Counts are disjoint: the input without what was cached, and with what tools brought in."""
    found = reply(service_tier="flex")
    assert (found.is_complete, found.tier, found.has_content) == (True, "flex", True)
    assert found.usage == Usage(input=14, cache_read=4, output=90, reasoning=245)
    searched = {"type": "google_search_call", "id": "a", "arguments": {"queries": ["how deep", ""]}}
    assert reply(steps=[searched, {"type": "google_search_result"}]).usage.tool_calls == 1


def test_counts_that_lie_are_clamped():
    """Whatever else stands in the reply, which goes on as it came."""
    found = reply(usage={"total_input_tokens": -3, "total_output_tokens": 1e300})
    assert (found.is_complete, found.has_content) == (True, True)
    assert found.usage == Usage(input=0, output=MAX_COUNT)
    assert reply(usage="?").usage is None


def test_media_are_counted_apart():
    """By modality; a document is text."""
    told = {
        "total_input_tokens": 100,
        "input_tokens_by_modality": [{"modality": name, "tokens": 20} for name in ("text", "image", "audio", "video", "document")],
        "total_cached_tokens": 10,
        "cached_tokens_by_modality": [{"modality": "image", "tokens": 10}],
        "total_output_tokens": 50,
        "output_tokens_by_modality": [{"modality": "image", "tokens": 40}, {"modality": "audio", "tokens": 5}],
    }
    assert reply(usage=told).usage == Usage(
        input=40, input_image=10, cache_read_image=10, input_audio=20, input_video=20, output=5, output_image=40, output_audio=5
    )


@in_turn(
    ("more", "is_complete"),
    [
        ({"status": "in_progress", "steps": None, "usage": None}, True),
        ({"status": "requires_action"}, True),
        ({"status": "of_tomorrow"}, True),
        ({"status": None}, False),
        ({"id": None, "steps": None}, False),
        ({"id": None}, True),
    ],
)
def test_one_that_has_begun_is_a_reply(more, is_complete):
    """In the background its provider has yet to write it; without `store` it has no id."""
    assert reply(**more).is_complete == is_complete


def test_a_failed_interaction_is_an_error_with_usage():
    """As a body, and as it is judged."""
    failed = {"status": "failed", "errors": [{"code": "safety", "message": "Blocked."}]}
    assert (reply(**failed).is_complete, reply(**failed).failure.code) == (False, "safety")
    judged = PROTOCOL.read_failure(200, {}, json.dumps(WHOLE | failed).encode(), 0.0)
    assert (judged.verdict, judged.status, judged.message) == (Verdict.CALLER_FAULT, 200, "Blocked.")
    assert judged.usage == Usage(input=14, cache_read=4, output=90, reasoning=245)


@in_turn(
    ("given", "most", "text_left"),
    [
        ("Hi", 0, 4),
        ({"type": "image", "data": "A" * 1000, "mime_type": "image/png"}, 4_128, None),
        ([{"type": "image", "uri": "https://h/a"}, TEXT], 4_128, None),
        ([{"type": "user_input", "content": [{"type": "audio", "data": "A" * 1598, "mime_type": "audio/wav"}]}], 4_128 + 100, None),
        ([{"type": "user_input", "content": [{"type": "video", "uri": "https://h/a"}]}], 1_048_576, None),
        (["Hi", {"type": "user_input", "content": {"type": "video", "uri": "https://h/a"}}], 1_048_576, None),
        ([{"type": "user_input", "content": "Hi"}], 0, None),
        ([{"type": "video", "data": "AAAA", "uri": "https://h/a"}], 1_048_576, None),
        ([{"type": "video", "data": "A" * 998, "processing": "agentic"}], 2 * 1_048_576, None),
        ([{"type": "video", "data": "A" * 998, "processing": {"type": "static"}}], 4_190, None),
        ([{"type": "video", "data": "A" * 998, "processing": {"type": "static", "fps": 24}}], 1_048_576, None),
        ([{"type": "user_input", "content": [{"type": "document", "data": "A" * 998, "mime_type": "application/pdf"}]}], 4_190, None),
        ([{"type": "document", "data": "A" * 998, "mime_type": "text/csv"}], 4_128 + 750, None),
        ([{"type": "function_result", "call_id": "a", "result": [{"type": "image", "data": "A" * 998}]}], 4_128, None),
    ],
)
def test_media_weigh_more_than_their_text(given, most, text_left):
    """Wherever they can stand; their base64 is no text."""
    asked = members({"model": "m", "input": given})
    text, media = PROTOCOL.weigh(asked)
    assert media.most == most
    assert text < 250
    assert text_left in {None, text}


@in_turn(
    "given",
    [
        [{"type": "function_result", "call_id": "a", "result": {"type": "image", "data": "A" * 998}}],
        [{"type": "function_result", "call_id": "a", "result": "A" * 998}],
        [{"type": "image", "data": {"of": "A" * 998}, "uri": "https://h/a"}],
        [{"type": "of_tomorrow", "data": "A" * 998}],
        {"type": "text", "text": "A" * 998},
    ],
)
def test_what_only_looks_like_media_is_text(given):
    """An application's own object, and what no model takes."""
    text, _ = PROTOCOL.weigh(members({"model": "m", "input": given}))
    assert text > 998


def test_input_of_an_unknown_shape_may_hold_a_film():
    """Of which its address alone is in the request."""
    asked = members({"model": "m", "input": [[{"type": "video", "uri": "https://h/a"}]]})
    size = len(asked["input"])
    assert PROTOCOL.weigh(asked) == (size, Weight(1_048_576, size // 16))


NAMED = {
    "previous_interaction_id": "v1_b",
    "cached_content": "cachedContents/c",
    "environment": {"type": "remote", "environment_id": "env_1"},
    "input": [{"type": "document", "uri": "https://generativelanguage.googleapis.com/v1beta/files/abc-1"}],
}


def test_what_only_one_key_knows_is_named():
    """An interaction, cached content, an environment, files; by an id alone, too."""
    asked = members(NAMED)
    ids = {("interaction", "v1_b"), ("cached_content", "cachedContents/c"), ("environment", "env_1"), ("file", "files/abc-1")}
    assert set(PROTOCOL.named_ids(asked, json.dumps(NAMED).encode())) == ids
    assert PROTOCOL.named_ids(members({"environment": "env_1"}), b"{}") == (("environment", "env_1"),)


@in_turn(
    ("asked", "told", "made"),
    [
        ({}, WHOLE, (("interaction", "v1_a"),)),
        ({"store": False}, WHOLE, ()),
        ({"background": True}, WHOLE | {"status": "queued"}, (("interaction", "v1_a"), (BATCH_BILL, "v1_a"))),
        ({}, WHOLE | {"environment_id": "env_1"}, (("interaction", "v1_a"), ("environment", "env_1"))),
        ({}, {"id": 7}, ()),
    ],
)
def test_what_a_reply_made_is_bound(asked, told, made):
    """Unless it is not kept; what is still being written is a bill."""
    assert PROTOCOL.made_ids is not None
    assert PROTOCOL.made_ids(members(asked), json.dumps(told).encode(), None) == made


def followed(*data):
    watch = PROTOCOL.watch(False)
    for piece in data:
        watch.see(Frame(b"", piece))
    return watch


def test_what_a_stream_made_is_bound():
    """By the events that told of it, whatever its last one is."""
    assert PROTOCOL.made_ids is not None
    assert PROTOCOL.made_ids({}, b"[DONE]", followed(*EVENTS)) == (("interaction", "v1_a"),)
    assert PROTOCOL.made_ids({}, b"", followed(completed(environment_id="env_1"))) == (("interaction", "v1_a"), ("environment", "env_1"))
