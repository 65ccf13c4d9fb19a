"""What a translation costs grows with a request's length, whatever stands in it: the square of a megabyte stops the event loop for a minute."""

import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice, product
from string import ascii_letters, digits
from typing import Literal

import pytest
from tests.in_turn import in_turn

from omnillm.errors import ReplyTooLarge
from omnillm.framing.sse import Frame
from omnillm.model.events import PartEnded, PartStarted, TextDelta
from omnillm.model.message import Issuer, Opaque, Text
from omnillm.protocols import carrier
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.part_order import PartOrder
from omnillm.protocols.gemini_generate_content.carrier import CARRIED, pack
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, parse_request, transcode_response

CHAT, RESPONSES, MESSAGES, GEMINI, INTERACTIONS, CONVERSE = (
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "gemini_generate_content",
    "gemini_interactions",
    "bedrock_converse",
)
LONGEST_S = 1.0
"""Of the processor: none takes half of it, and each took twice as much and more while it grew with the square."""


def listed(count: int, form: str) -> str:
    """So many objects of that form; `#` is the number of each."""
    return ",".join(form.replace("#", str(number)) for number in range(count))


def chat(messages: str, more: str = "") -> str:
    return f'{{"model":"m","messages":[{messages}]{more}}}'


def messages(turns: str) -> str:
    return f'{{"model":"m","max_tokens":1,"messages":[{turns}]}}'


def calls(count: int, call_id: str) -> str:
    return listed(count, f'{{"id":"{call_id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}')


def tools(names: Iterable[str]) -> str:
    return ",".join(f'{{"type":"function","function":{{"name":"{name}"}}}}' for name in names)


def taken(count: int) -> Iterator[str]:
    """Names that are too long by a letter; the same without it; and what would be said in their place, if they did not stand there, too."""
    for number, ending in enumerate(islice(product(ascii_letters + digits, repeat=2), count), start=2):
        yield "f" * 62 + "".join(ending)
        yield "f" * 62 + "".join(ending) + "z"
        yield "f" * (63 - len(str(number))) + f"_{number}"


def carrying(count: int) -> Iterator[str]:
    """Calls, each of which carries reasoning of its own."""
    for number in range(count):
        opaque = Opaque(value=f'[["signed {number}","thought"]]', issuer=Issuer(protocol=MESSAGES))
        yield f'{{"functionCall":{{"name":"f","args":{{}}}},"thoughtSignature":"{pack(opaque, CARRIED)}"}}'


def responses(*items: str) -> str:
    return f'{{"model":"m","input":[{",".join(items)}]}}'


def said(count: int) -> str:
    """One message of so many texts."""
    parts = listed(count, '{"type":"output_text","text":"a","annotations":[]}')
    return f'{{"type":"message","role":"assistant","id":"msg_1","content":[{parts}]}}'


def signed(purpose: Literal["call", "text"], target: str, count: int) -> str:
    """Signatures, each in an item of its own."""
    opaque = Opaque(value="signed", issuer=Issuer(protocol=GEMINI))
    item = f'{{"type":"reasoning","id":"rs_sig_1","summary":[],"encrypted_content":"{carrier.pack(opaque, RESPONSES, purpose, target)}"}}'
    return "\n,".join([item] * count)


def signature(purpose: Literal["call", "text"], target: str) -> str:
    opaque = Opaque(value="signed", issuer=Issuer(protocol=MESSAGES))
    return f'{{"type":"thought","signature":"{carrier.pack(opaque, INTERACTIONS, purpose, target)}"}}'


def interaction(step: str, count: int) -> str:
    """So many calls, and as many of that step."""
    calls = listed(count, '{"type":"function_call","id":"#","name":"f","arguments":{}}')
    return f'{{"model":"m","input":[{calls},{",".join([step] * count)}]}}'


LONG = {
    "one role, in many messages": (MESSAGES, CHAT, messages(listed(60_000, '{"role":"user","content":"a"}'))),
    "one role, with members of its own": (MESSAGES, CHAT, messages(listed(36_000, '{"role":"user","content":"a","k#":1}'))),
    "one role, in many contents": (GEMINI, CHAT, f'{{"contents":[{listed(50_000, """{"parts":[{"text":"a"}]}""")}]}}'),
    "citations of one text": (
        MESSAGES,
        CHAT,
        messages('{"role":"assistant","content":[{"type":"text","text":"a","citations":[' + listed(50_000, "{}") + "]}]}"),
    ),
    "names that are one": (CHAT, GEMINI, chat("", f',"tools":[{tools(f"f{chr(0x4E00 + number)}" for number in range(4_500))}]')),
    "names that are too long": (CHAT, RESPONSES, chat("", f',"tools":[{tools("f" * 64 + str(number) for number in range(5_000))}]')),
    "names in whose place others stand": (CHAT, RESPONSES, chat("", f',"tools":[{tools(taken(2_000))}]')),
    "calls that share an id": (
        CHAT,
        MESSAGES,
        chat(f'{{"role":"assistant","tool_calls":[{calls(5_000, "a_#")},{calls(5_000, "a")}]}}'),
    ),
    "results of calls that share an id": (
        CHAT,
        MESSAGES,
        chat(
            f'{{"role":"assistant","tool_calls":[{calls(12_000, "a")}]}},'
            + listed(12_000, '{"role":"tool","tool_call_id":"a","name":"g","content":"b"}')
        ),
    ),
    "results, the last one first": (
        GEMINI,
        CHAT,
        '{"contents":[{"role":"model","parts":['
        + listed(15_000, '{"functionCall":{"id":"id-#","name":"f"}}')
        + ']},{"parts":['
        + ",".join(f'{{"functionResponse":{{"id":"id-{number}","name":"f"}}}}' for number in reversed(range(15_000)))
        + "]}]}",
    ),
    "calls that carry reasoning": (GEMINI, CHAT, f'{{"contents":[{{"role":"model","parts":[{",".join(carrying(4_000))}]}}]}}'),
    "calls that carry reasoning, in many contents": (
        GEMINI,
        CHAT,
        f'{{"contents":[{",".join(f"""{{"role":"model","parts":[{call}]}}""" for call in carrying(7_000))}]}}',
    ),
    "signatures of a call that is none": (RESPONSES, MESSAGES, responses(said(5_000), signed("call", "none", 5_000))),
    "signatures of one text": (RESPONSES, MESSAGES, responses(said(5_000), signed("text", "0", 5_000))),
    "signatures of many texts": (
        RESPONSES,
        MESSAGES,
        responses(*chain.from_iterable(zip([said(1)] * 5_000, signed("text", "0", 5_000).split("\n,"), strict=True))),
    ),
    "signatures of an interaction's call that is none": (INTERACTIONS, MESSAGES, interaction(signature("call", "none"), 5_000)),
    "signatures of an interaction without a text": (INTERACTIONS, MESSAGES, interaction(signature("text", "0"), 5_000)),
    "names that are required, whichever is chosen": (
        CHAT,
        MESSAGES,
        chat(
            "",
            ',"tools":[{"type":"function","function":{"name":"f","parameters":'
            + '{"anyOf":[' * 90
            + '{"required":['
            + listed(60_000, '"r#"')
            + "]}"
            + "]}" * 90
            + "}}]",
        ),
    ),
    "pictures of one result, of which a half stands in it": (
        MESSAGES,
        GEMINI,
        messages(
            '{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},'
            '{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":['
            + listed(7_000, '{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K"}}')
            + ","
            + listed(7_000, '{"type":"image","source":{"type":"url","url":"https://h/#.png"}}')
            + "]}]}"
        ),
    ),
    "documents of one name": (
        MESSAGES,
        CONVERSE,
        messages(
            '{"role":"user","content":['
            + listed(5_000, '{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a"}}')
            + "]}"
        ),
    ),
}


@in_turn(("source", "target", "body"), LONG.values(), ids=LONG)
def test_a_translation_takes_as_long_as_its_request_is(source: str, target: str, body: str) -> None:
    """Of whatever there can be much in one request: messages, names, ids, results, documents."""
    began = time.process_time()
    emit_request(target, parse_request(source, body.encode(), model="m", is_stream=False).value)
    assert time.process_time() - began < LONGEST_S


CONTEXT = ReplyContext(id="id", created=1, model="m", request=None)
TEXT = "\u00e4b" * 100_000
SUPPORT = '{"segment":{"startIndex":150000,"endIndex":299997},"groundingChunkIndices":[0]}'
ANNOTATION = '{"type":"url_citation","url":"u","start_index":150000,"end_index":299997}'


def gemini(grounding: str, text: str = TEXT) -> str:
    content = f'{{"role":"model","parts":[{{"text":"{text}"}}]}}'
    return f'{{"candidates":[{{"content":{content},"finishReason":"STOP","groundingMetadata":{{{grounding}}}}}]}}'


def supports(count: int) -> str:
    return f'"groundingChunks":[{{"web":{{"uri":"u"}}}}],"groundingSupports":[{listed(count, SUPPORT)}]'


def annotated(count: int) -> str:
    text = f'{{"type":"text","text":"{TEXT}","annotations":[{listed(count, ANNOTATION)}]}}'
    return f'{{"id":"i","model":"m","status":"completed","steps":[{{"type":"model_output","content":[{text}]}}]}}'


SAID = {
    "citations of one text": (GEMINI, CHAT, gemini(supports(15_000))),
    "an address that each index repeats": (
        GEMINI,
        RESPONSES,
        gemini(
            f'"groundingChunks":[{{"web":{{"uri":"{"u" * 1_000_000}"}}}}],"groundingSupports":[{{"segment":{{"endIndex":1}},'
            f'"groundingChunkIndices":[{listed(5_000, "0")}]}}]',
            text="ab",
        ),
    ),
    "annotations of one text": (INTERACTIONS, CHAT, annotated(10_000)),
    "annotations that quote one text": (INTERACTIONS, GEMINI, annotated(10_000)),
}


@in_turn(("source", "target", "body"), SAID.values(), ids=SAID)
def test_a_reply_takes_as_long_as_it_is(source: str, target: str, body: str) -> None:
    """Of what a provider can say much of, and none of it repeats the text, or an address, as often as it is told."""
    began = time.process_time()
    transcode_response(source, target, body.encode(), context=CONTEXT)
    assert time.process_time() - began < LONGEST_S


def test_parts_that_wait_for_another_take_as_long_as_they_are() -> None:
    """Of a stream that says all calls of tools in one event: all but the first wait for its end, which is the stream's."""
    order, count = PartOrder(), 80_000
    began = time.process_time()
    for number in range(count):
        assert len(list(order.feed(PartStarted(index=number, part=Text(text=""))))) == (number == 0)
    for number in range(count):
        list(order.feed(PartEnded(index=number)))
    assert time.process_time() - began < LONGEST_S
    assert list(order.finish()) == []


def test_what_waits_for_another_part_is_bounded() -> None:
    """A provider that never ends a part, and goes on with others, fills no memory. What has waited, and is told, counts no more."""
    order, long = PartOrder(), "a" * 9 * 1024 * 1024
    for number in range(0, 6, 2):
        list(order.feed(PartStarted(index=number, part=Text(text=""))))
        for waiting in (PartStarted(index=number + 1, part=Text(text="")), TextDelta(index=number + 1, text=long)):
            assert list(order.feed(waiting)) == []
        assert [event.index for event in order.feed(PartEnded(index=number))] == [number, number + 1, number + 1]
        list(order.feed(PartEnded(index=number + 1)))
    list(order.feed(PartStarted(index=0, part=Text(text=""))))
    with pytest.raises(ReplyTooLarge, match="wait for another part to end"):
        for _ in range(20):
            list(order.feed(TextDelta(index=1, text="a" * 1024 * 1024)))


def test_an_event_that_would_take_half_a_gigabyte_is_refused_unread() -> None:
    """Of a stream that is translated, which is done in one turn of the event loop."""
    stream = StreamTranscoder(CHAT, MESSAGES, context=CONTEXT)
    with pytest.raises(ReplyTooLarge, match="stream event holds more than 600000 objects and arrays: ask for less"):
        stream.feed_frame(Frame(b"", b'{"choices":[],"x":[%b[]]}' % (b"[]," * 600_000)))
