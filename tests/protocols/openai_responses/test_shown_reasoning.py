"""Another provider's reasoning, shown to a client of this protocol and brought back by it."""

from typing import Any

import msgspec
import pytest
from tests.protocols.openai_responses.streaming import kinds, whole, write
from tests.protocols.openai_responses.test_codec_reply import answer
from tests.protocols.openai_responses.test_codec_reply import emit as emit_reply

from omnillm.model import Issuer, Opaque, OpaqueAdded, PartEnded, PartStarted, Reasoning, ReasoningDelta, ResponseStarted, Text, TextDelta
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.dialects import ResponsesDialect
from omnillm.protocols.envelope import MARK, is_readable, seal, unseal
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC

ANTHROPIC = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages", provider="anthropic", key="k1", model="m"))
NOBODY = Opaque(value="", issuer=Issuer(protocol="openai_chat"))


def asked(**members: Any) -> ReplyContext:
    """What is known of a client that sent these members."""
    request = CODEC.parse_request({"model": "m", "input": "Hi", **members}, Losses())
    return ReplyContext(id="x1", created=7, model="m", request=request)


CURIOUS = asked(reasoning={"summary": "auto"})
INDIFFERENT = asked()


def brought_back(*items: Any) -> tuple[tuple[Any, ...], list[str]]:
    losses = Losses()
    request = CODEC.parse_request({"model": "m", "input": list(items)}, losses)
    parts = tuple(msgspec.structs.replace(part, item_id="") for message in request.messages for part in message.parts)
    return parts, [reason.detail for reason in losses.reasons]


def streamed(part: Reasoning, context: ReplyContext) -> list[dict[str, Any]]:
    events = [PartStarted(index=0, part=Reasoning())]
    events += [ReasoningDelta(index=0, text=part.text[:1]), ReasoningDelta(index=0, text=part.text[1:])]
    events += [OpaqueAdded(index=0, opaque=part.opaque)] if part.opaque is not None else []
    start, *rest = whole(
        *events, PartEnded(index=0), PartStarted(index=1, part=Text(text="")), TextDelta(index=1, text="x"), PartEnded(index=1)
    )
    assert isinstance(start, ResponseStarted)
    written, losses = write(msgspec.structs.replace(start, protocol="openai_chat"), *rest, context=context)
    assert not losses
    return written


@pytest.mark.parametrize("opaque", [ANTHROPIC, None])
def test_client_that_asks_for_reasoning_sees_it(opaque: Opaque | None) -> None:
    """As the one piece of the summary; it comes back as the reasoning itself."""
    said = Reasoning(text="Hm.", opaque=opaque)
    body, losses = emit_reply(answer(said, Text(text="x"), protocol="openai_chat"), CURIOUS)
    item = body["output"][0]
    assert not losses
    assert (item["summary"], "content" in item) == ([{"type": "summary_text", "text": "Hm."}], False)
    assert brought_back(item) == ((said,), [])
    assert brought_back({"type": "reasoning", **{name: item[name] for name in ("summary", "encrypted_content")}}) == ((said,), [])


@pytest.mark.parametrize("opaque", [ANTHROPIC, None])
def test_stream_shows_reasoning_piece_by_piece(opaque: Opaque | None) -> None:
    """By the events of a summary; the finished item is that of a plain reply."""
    said = Reasoning(text="Hm.", opaque=opaque)
    written = streamed(said, CURIOUS)
    assert kinds(written)[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert written[8]["item"] == emit_reply(answer(said, protocol="openai_chat"), CURIOUS)[0]["output"][0]
    assert written[6]["text"] == "Hm."


@pytest.mark.parametrize("opaque", [ANTHROPIC, None])
def test_client_that_does_not_ask_has_it_as_content(opaque: Opaque | None) -> None:
    """And can bring it back all the same."""
    said = Reasoning(text="Hm.", opaque=opaque)
    item = emit_reply(answer(said, protocol="openai_chat"), INDIFFERENT)[0]["output"][0]
    assert (item["summary"], item["content"]) == ([], [{"type": "reasoning_text", "text": "Hm."}])
    assert brought_back(item) == ((said,), [])
    assert streamed(said, INDIFFERENT)[-1]["response"]["output"][0] == item


def test_summary_of_another_provider_stays_one() -> None:
    """It is no text of the reasoning."""
    said = Reasoning(summary=("Hm.", "So."))
    item = emit_reply(answer(said, protocol="openai_chat"), CURIOUS)[0]["output"][0]
    assert brought_back(item) == ((said,), [])


def test_unsigned_reasoning_without_its_text_is_nothing() -> None:
    """The client kept only the envelope."""
    assert brought_back({"type": "reasoning", "summary": [], "encrypted_content": seal(NOBODY)}) == (
        (),
        ["reasoning came back without its text"],
    )


def test_own_reasoning_is_shown_as_it_came() -> None:
    """A summary is the provider's to make."""
    item = emit_reply(answer(Reasoning(text="Hm."), protocol="openai_responses"), CURIOUS)[0]["output"][0]
    assert (item["summary"], item["content"], "encrypted_content" in item) == ([], [{"type": "reasoning_text", "text": "Hm."}], False)


def test_unsigned_reasoning_reaches_no_provider_as_a_signature() -> None:
    """OpenAI gets nothing of it; another host may read the text."""
    item = emit_reply(answer(Reasoning(text="Hm."), protocol="openai_chat"), CURIOUS)[0]["output"][0]
    request = CODEC.parse_request({"model": "m", "input": [item, {"role": "user", "content": "Hi"}]}, Losses())
    losses = Losses()
    assert CODEC.emit_request(request, ResponsesDialect(), losses)["input"] == [{"role": "user", "content": "Hi"}]
    assert [reason.path for reason in losses.reasons] == ["input[0].parts[0]"]
    written = CODEC.emit_request(request, ResponsesDialect(is_openai=False), Losses())["input"][0]
    assert written == {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}


def test_empty_value_is_nobodys_signature() -> None:
    """Its envelope bears the mark, and no provider can read it."""
    sealed = seal(NOBODY)
    assert sealed.startswith(MARK.decode())
    assert unseal(sealed, "openai_responses") == NOBODY
    assert not is_readable(NOBODY, "openai_chat", "")
