"""Requests and replies of Chat Completions, peeked."""

import json

import pytest
from tests.in_turn import in_turn
from tests.protocols.peeking import members

from omnillm.errors import BadRequest
from omnillm.outcome import Verdict
from omnillm.protocols.openai_chat import PROTOCOL
from omnillm.protocols.protocol import WEIGHTLESS
from omnillm.usage import MAX_COUNT, Usage

ASK = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}


def peek(**changes: object):
    return PROTOCOL.peek_request(members({**ASK, **changes}))


def reply(usage: object = None, **changes: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage, **changes}).encode()


def usage_of(usage: object) -> Usage | None:
    return PROTOCOL.peek_reply(reply(usage)).usage


def test_plain_request_asks_for_one_choice_and_decides_no_price():
    """What routing and limits need is read; what is absent or null has its default."""
    for asked in (peek(), peek(stream=None, n=None, max_tokens=None, stream_options=None, max_completion_tokens=None)):
        assert (asked.model, asked.is_stream, asked.output_cap, asked.n, asked.price_members) == ("gpt-5-mini", False, None, 1, ())
        assert asked.wants_usage


@in_turn(
    ("caps", "cap"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 9, "max_completion_tokens": 7}, 9),
        ({"max_tokens": 2**31}, 2**31),
    ],
)
def test_larger_cap_counts(caps, cap):
    """A host may obey either member, so the dearer one is reserved."""
    assert peek(**caps).output_cap == cap


@in_turn("name", ["max_tokens", "max_completion_tokens"])
@in_turn("value", [0, -1, 1.5, 64.0, 1e30, "64", True, [64], {}, 2**31 + 1, 2**70])
def test_absurd_cap_is_the_callers_mistake(name, value):
    """A budget cannot be bypassed by a cap that is not a plain positive integer, even beside a good one."""
    with pytest.raises(BadRequest, match=f"`{name}` must be an integer from 1 to 2147483648"):
        peek(**{"max_tokens": 5, "max_completion_tokens": 5, name: value})


@in_turn(
    ("changes", "message"),
    [
        *(({"n": n}, "`n` must be an integer from 1 to 128") for n in (0, 129, 1.0, "2", True)),
        *(({"model": model}, "`model` must be a string of 1 to 256 characters") for model in ("", "m" * 257, 7, None)),
        *(({"stream": stream}, "`stream` must be a boolean") for stream in ("true", 1, {})),
        *(({"messages": messages}, "`messages` must be an array") for messages in ("hi", {}, None)),
        *(
            ({"stream": True, "stream_options": options}, "`stream_options` must be an object")
            for options in ([], True, {"include_usage": "yes"})
        ),
    ],
)
def test_wrong_type_is_named(changes, message):
    """The message names the member and what it must be."""
    with pytest.raises(BadRequest, match=message):
        peek(**changes)


@pytest.mark.parametrize("absent", ["model", "messages"])
def test_absent_member_is_the_callers_mistake(absent):
    """Nothing can be routed or measured without them."""
    with pytest.raises(BadRequest, match=f"`{absent}`"):
        PROTOCOL.peek_request(members({name: value for name, value in ASK.items() if name != absent}))


def test_stream_whose_usage_was_not_asked_for_is_told():
    """The engine must then ask for it, and withhold the frame."""
    assert peek(stream=True).wants_usage is False
    assert peek(stream=True, stream_options={"include_usage": False}).wants_usage is False
    assert peek(stream=True, stream_options={"include_usage": True}).wants_usage is True


def test_members_that_decide_the_price_are_named():
    """Tiers, spoken output and paid searches change what a token or a call costs; the client's own tools, and an effort, do not."""
    assert peek(service_tier="flex", web_search_options={}, temperature=0.5).price_members == ("service_tier", "web_search_options")
    assert peek(reasoning={"effort": "low"}, tools=[{"type": "function", "function": {"name": "f"}}]).price_members == ()
    assert peek(reasoning={"mode": "pro"}, tools=[{"type": "web_search"}]).price_members == ("reasoning", "tools")
    assert peek(tools=5).price_members == ("tools",)


def test_usage_is_split_into_disjoint_counts():
    """Cached, written, heard, seen, reasoned, spoken and drawn tokens are taken out of the totals that include them."""
    usage = usage_of(
        {
            "prompt_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 10, "cache_write_tokens": 20, "image_tokens": 5},
            "completion_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5, "image_tokens": 9, "accepted_prediction_tokens": 3},
            "total_tokens": 150,
        }
    )
    prompt = Usage(input=25, cache_read=40, cache_write_short=20, input_audio=10, input_image=5)
    assert usage == prompt + Usage(output=6, reasoning=30, output_audio=5, output_image=9)


def test_media_that_must_have_been_cached_are_charged_as_such():
    """A chat does not tell what was cached: text, unless there is more of sound and pictures than was not cached."""
    details = {"cached_tokens": 80, "audio_tokens": 30, "image_tokens": 25, "video_tokens": 5}
    usage = usage_of({"prompt_tokens": 100, "prompt_tokens_details": details})
    assert usage == Usage(cache_read=40, input_audio=20, cache_read_audio=10, cache_read_image=30)
    told = usage_of({"prompt_tokens": 100, "prompt_tokens_details": {**details, "cached_tokens_details": {"audio_tokens": 30}}})
    assert told == Usage(cache_read=40, cache_read_audio=30, input_image=20, cache_read_image=10)


def test_a_picture_that_is_written_to_a_cache_costs_what_a_write_does():
    """A write is the dearer of the two, and the details do not tell what was written."""
    details = {"cache_write_tokens": 90, "image_tokens": 50}
    assert usage_of({"prompt_tokens": 100, "prompt_tokens_details": details}) == Usage(cache_write_short=90, input_image=10)
    more = {**details, "cached_tokens": 100, "cache_write_tokens": 30, "video_tokens": 40}
    assert usage_of({"prompt_tokens": 130, "prompt_tokens_details": more}) == Usage(
        cache_write_short=30, cache_read=40, cache_read_image=60
    )


def test_cache_writes_are_split_by_term():
    """Twelve hours are the long term, thirty minutes the short."""
    details = {"cache_write_tokens": 20, "cache_write_tokens_details": {"ttl_12h_tokens": 15, "ttl_30m_tokens": 5}}
    assert usage_of({"prompt_tokens": 20, "prompt_tokens_details": details}) == Usage(cache_write_short=5, cache_write_long=15)
    short = {"cache_write_tokens": 20, "cache_write_tokens_details": {"ttl_30m_tokens": 20}}
    assert usage_of({"prompt_tokens": 20, "prompt_tokens_details": short}) == Usage(cache_write_short=20)


@pytest.mark.parametrize("kind", ["audio", "image"])
def test_what_is_only_drawn_or_only_spoken_is_found(kind):
    """Without a word of the prompt's parts."""
    told = {"prompt_tokens": 3, "completion_tokens": 50, "completion_tokens_details": {f"{kind}_tokens": 40}}
    assert usage_of(told) == Usage(input=3, output=10, **{f"output_{kind}": 40})


def test_what_alibaba_writes_to_its_cache_is_told_apart():
    """As Model Studio spells it, beside a split by term that it has one of."""
    written = {"cache_creation": {"ephemeral_5m_input_tokens": 1516}, "cache_creation_input_tokens": 1516, "cache_type": "ephemeral"}
    told = {"prompt_tokens": 1528, "completion_tokens": 21, "total_tokens": 1549, "prompt_tokens_details": {**written, "cached_tokens": 0}}
    assert usage_of(told) == Usage(input=12, cache_write_short=1516, output=21)


def test_what_perplexity_reads_and_thinks_on_the_way_is_counted():
    """Its research tells it beside the totals: citations are input, and every search but the first, which each call pays, is a tool call."""
    told = {"prompt_tokens": 33, "completion_tokens": 7163, "total_tokens": 7196}
    beside = {"citation_tokens": 20_016, "reasoning_tokens": 73_997, "num_search_queries": 18}
    assert PROTOCOL.peek_reply(reply(told | beside)).usage == Usage(input=20_049, output=7163, reasoning=73_997, tool_calls=17)
    assert PROTOCOL.peek_reply(reply(told | {"num_search_queries": 1})).usage == Usage(input=33, output=7163)


@pytest.mark.parametrize(
    "spelling", [{"prompt_tokens_details": {"cached_tokens": 4}}, {"prompt_cache_hit_tokens": 4}, {"cached_tokens": 4}]
)
def test_cached_tokens_are_found_in_every_spelling(spelling):
    """OpenAI's, DeepSeek's and Moonshot's."""
    assert usage_of({"prompt_tokens": 10, "completion_tokens": 1, **spelling}) == Usage(input=6, cache_read=4, output=1)


def test_reasoning_outside_the_completion_is_billed_too():
    """What only the total shows was generated."""
    assert usage_of({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 50}) == Usage(input=10, output=2, reasoning=38)


def test_what_the_agents_of_one_model_read_is_input():
    """Sakana's Fugu tells it within the details, and counts it in the total alone; what they write is billed as output."""
    read = {"cached_tokens": 20, "orchestration_input_tokens": 40, "orchestration_input_cached_tokens": 10}
    told = {"prompt_tokens": 120, "prompt_tokens_details": read, "completion_tokens": 80, "total_tokens": 265}
    beside = {"completion_tokens_details": {"reasoning_tokens": 5, "orchestration_output_tokens": 25}}
    assert usage_of(told | beside) == Usage(input=130, cache_read=30, output=80, reasoning=25)
    assert usage_of(told | {"total_tokens": 200}) == Usage(input=100, cache_read=20, output=80)


def test_details_never_exceed_their_total():
    """A provider that contradicts itself is read so that the totals stand."""
    details = {"cached_tokens": 400, "audio_tokens": 400, "cache_write_tokens": 400}
    usage = usage_of(
        {
            "prompt_tokens": 7,
            "prompt_tokens_details": details,
            "completion_tokens": 3,
            "completion_tokens_details": {"reasoning_tokens": 9, "audio_tokens": 9},
        }
    )
    assert usage == Usage(cache_read_audio=7, reasoning=3)


@in_turn(("lie", "said"), [(-5, 0), (2**63, MAX_COUNT), (1e30, MAX_COUNT), (1.9, 1), (True, 0), (None, 0)])
def test_lying_counts_are_clamped(lie, said):
    """Negative, absurd or fractional numbers become counts."""
    assert usage_of({"prompt_tokens": lie, "completion_tokens": 1}) == Usage(input=said, output=1)


def test_missing_usage_is_unknown_and_zero_is_zero():
    """An explicit zero is an answer, absence is none."""
    for absent in (None, {}, {"total_tokens": 5}):
        assert usage_of(absent) is None
    assert usage_of({"prompt_tokens": 0, "completion_tokens": 0}) == Usage()


@in_turn(
    "body",
    [
        b"",
        b"   ",
        b"<html><body>502</body></html>",
        b"[]",
        b"null",
        b'"ok"',
        b"{}",
        b'{"choices": null}',
        b'{"choices": {}}',
        b'{"choices": []}',
        b'{"detail": "no"}',
        b"\xff",
        b"[" * 5000,
    ],
)
def test_something_else_is_not_a_reply(body):
    """HTML, truncated JSON, another shape: never a success."""
    peek = PROTOCOL.peek_reply(body)
    assert not peek.is_complete
    assert peek.failure is None


def test_blank_lines_before_the_reply_are_tolerated():
    """DeepSeek keeps a waiting connection alive with them."""
    assert PROTOCOL.peek_reply(b"\n\n\n" + reply()).is_complete


def test_error_under_a_success_status_is_a_failure():
    """As the whole body, beside the choices, or in one of them; its usage is kept."""
    error = {"message": "slow down", "code": 429}
    choice = {"index": 0, "message": {}, "finish_reason": "error", "error": error}
    for body in (json.dumps({"error": error}).encode(), reply(error=error), reply({"prompt_tokens": 3}, choices=[choice])):
        peek = PROTOCOL.peek_reply(body)
        assert not peek.is_complete
        assert peek.failure.verdict is Verdict.RATE_LIMITED
        failure = PROTOCOL.read_failure(200, {b"retry-after": b"3"}, body, 0.0)
        assert (failure.verdict, failure.retry_after_s) == (Verdict.RATE_LIMITED, 3.0)
    assert failure.usage == Usage(input=3)
    assert PROTOCOL.peek_reply(reply(error=None)).is_complete


def test_a_file_within_a_file_is_taken_off_the_text_once():
    """Whoever could have its bytes taken off twice would hide as many bytes of prose behind it."""
    inner = {"type": "input_file", "file_data": "A" * 5_000}
    text, media = PROTOCOL.weigh(members({"messages": [{"role": "user", "content": [{"type": "file", "file": inner}, "w" * 5_000]}]}))
    assert text > 5_000
    assert media == PROTOCOL.weigh(members({"messages": [{"content": [inner]}]}))[1]


def test_media_weigh_their_maxima():
    """An image by its detail, audio by its length, a file by its pages; text and tool calls nothing."""

    def weight(*parts: object) -> int:
        return PROTOCOL.weigh(members({"messages": [{"role": "user", "content": list(parts)}]}))[1].most

    assert PROTOCOL.weigh(members(ASK))[1] == WEIGHTLESS
    assert weight({"type": "text", "text": "[image_url]"}) == 0
    low = weight({"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}})
    high = weight({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})
    assert 0 < low < high
    assert weight(*[{"type": "image_url", "image_url": {"url": "u"}}] * 3) == 3 * high
    assert weight({"type": "input_audio", "input_audio": {"data": "A" * 1000, "format": "mp3"}}) == 11
    assert weight({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}) == 4_000
    assert weight({"type": "file", "file": {"file_data": "data:text/plain;base64," + "A" * 1000}}) > 700
    assert weight({"type": "file", "file": {"file_id": "file-1"}}) == 400_000
