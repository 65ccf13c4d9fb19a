"""Loss reports: each reason once, sorted, bounded, and fit for a header."""

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.cases import CALL, SECOND_CALL, answers, opaque, said, turns
from tests.protocols.directions import CONTEXT, events_of, streamed

from omnillm.model import Json, Text, ToolResult
from omnillm.protocols.loss import LONGEST_PATH, MOST, ConversionReport, Losses, LossReason, joined, kinds_in, long_form, short_form
from omnillm.protocols.transcode import emit_request, emit_response


def test_reasons_are_sorted_and_told_once() -> None:
    """A stream may lose the same thing in every event."""
    losses = Losses()
    assert not losses
    for _ in range(3):
        losses.move("b", "elsewhere")
        losses.drop("a", "gone")
        losses.approximate("a", "nearly")
        losses.default("c", "needed")
    assert losses
    assert [(reason.path, reason.kind) for reason in losses.reasons] == [
        ("a", "approximated"),
        ("a", "dropped"),
        ("b", "moved"),
        ("c", "defaulted"),
    ]


def test_report_is_lossy_if_and_only_if_it_has_reasons() -> None:
    """Whether or not the protocols differ."""
    assert not ConversionReport(value=b"", wire_format="openai_chat", bridged=True).lossy
    gone = (LossReason(path="a", kind="dropped", detail="gone"),)
    assert ConversionReport(value=b"", wire_format="openai_chat", bridged=False, loss_reasons=gone).lossy


def test_clients_names_cannot_fill_the_ledger() -> None:
    """Neither by number nor by length."""
    losses = Losses()
    for number in range(10 * MOST):
        losses.drop(f"vendor_extensions.{number}{'x' * 10_000}", "unknown")
    assert len(losses.reasons) == MOST
    assert max(len(reason.path) for reason in losses.reasons) == LONGEST_PATH


def test_reasons_of_two_conversions_are_told_as_those_of_one() -> None:
    """Each once, sorted: a request and its reply may lose the same."""
    one, other = Losses(), Losses()
    for losses, paths in ((one, "ca"), (other, "ba")):
        for path in paths:
            losses.drop(path, "gone")
    assert [reason.path for reason in joined(one.reasons, other.reasons)] == ["a", "b", "c"]
    assert joined(one.reasons, ()) == joined((), one.reasons) == one.reasons
    assert joined((), ()) == ()


def test_the_long_form_is_read_back_by_kinds() -> None:
    """One a reason, which is what is counted of them; no losses are no text."""
    losses = Losses()
    losses.drop("b", "gone")
    losses.drop("c", "gone")
    losses.move("a", "elsewhere")
    told = long_form(losses.reasons)
    assert msgspec.json.decode(told)[0] == {"path": "a", "kind": "moved", "detail": "elsewhere"}
    assert kinds_in(told) == ("moved", "dropped", "dropped")
    assert long_form(()) == ""
    assert kinds_in("") == ()


@in_turn(
    ("path", "word"),
    [
        ("generation.seed", "dropped:generation.seed"),
        ("input[0].parts[1]", "dropped:input[0].parts[1]"),
        ("vendor_extensions.a\r\nset-cookie: x", "dropped:vendor_extensions.a??set-cookie:?x"),
        ("metadata.é, \u2028\x7f", "dropped:metadata.?????"),
    ],
)
def test_short_form_is_one_plain_header_value(path: str, word: str) -> None:
    """Whatever names the client chose."""
    assert short_form((LossReason(path=path, kind="dropped", detail="gone"),)) == word


def test_bookkeeping_comes_last_in_the_short_form() -> None:
    """So that it crowds nothing out."""
    paths = ("a", "vendor_extensions.completed_at", "candidates[0].vendor_extensions.x", "z")
    reasons = tuple(LossReason(path=path, kind="dropped", detail="gone") for path in paths)
    assert short_form(reasons, limit=30) == "dropped:a, dropped:z, +2"


def test_short_form_is_cut_between_two_reasons() -> None:
    """And tells how many more there are."""
    reasons = tuple(LossReason(path=f"metadata.{number}", kind="dropped", detail="gone") for number in range(100))
    told = short_form(reasons, limit=61)
    assert told == "dropped:metadata.0, dropped:metadata.1, dropped:metadata.10, +97"
    assert short_form((LossReason(path="x" * 100, kind="dropped", detail=""),), limit=20) == "1 losses"
    assert short_form(()) == ""


@pytest.mark.parametrize("target", ["anthropic_messages", "gemini_generate_content", "gemini_interactions"])
def test_what_is_lost_of_a_result_that_is_a_part_is_told_with_that_part(target: str) -> None:
    """Of an answer, whole and as a stream, and of a message; what comes behind the result stands where it did."""
    lost = opaque("openai_chat")
    parts = (
        CALL,
        ToolResult(call_id=CALL.call_id, kind="custom", content=(Json(value=1), Text(text="149 m.", signature=lost))),
        SECOND_CALL,
    )
    reasons = [
        emit_response(target, answers(*parts), CONTEXT).loss_reasons,
        streamed(events_of(answers(*parts), is_whole=True), target).reasons,
        emit_request(target, turns(said(*parts))).loss_reasons,
    ]
    for told, holder in zip(reasons, ["candidates[0].message.parts", "candidates[0].message.parts", "input[1].parts"], strict=True):
        paths = [reason.path for reason in told if ".content" in reason.path or reason.path.endswith(".kind")]
        assert f"{holder}[1].kind" in paths
        assert len(paths) > 1
        assert [path for path in paths if not path.startswith(f"{holder}[1].")] == []
