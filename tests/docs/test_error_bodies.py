"""What `docs/errors.md` shows of errors in each protocol is what each protocol writes."""

import json

import pytest
from tests.docs.pages import ERRORS, ROOT, blocks, names, rows, section
from tests.in_turn import in_turn

from omnillm.protocols.protocol import Fault
from omnillm.protocols.registry import PROTOCOLS

SHOWN = dict(
    zip(
        ["openai_chat", "anthropic_messages", "gemini_generate_content"],
        map(json.loads, blocks(ROOT / "docs/errors.md", "json")),
        strict=True,
    )
)
LIMITED = Fault(
    status=429,
    code="requests_limit",
    message=SHOWN["openai_chat"]["error"]["message"],
    request_id=SHOWN["anthropic_messages"]["request_id"],
    retry_after_s=1.5,
    details={},
)
WORDS = {
    int(status): cells[1:]
    for cells in rows(section(ERRORS, "In each protocol"), "HTTP status")
    for status in cells[0].replace(",", " ").split()
}


def written(protocol: str, fault: Fault) -> dict[str, object]:
    return json.loads(PROTOCOLS[protocol].write_fault(fault))


def word(protocol: str, status: int) -> object:
    error = written(protocol, Fault(status=status, code="c", message="m", request_id="r", retry_after_s=None, details={}))["error"]
    return error.get("status") or error["type"]


@pytest.mark.parametrize("protocol", SHOWN)
def test_an_error_is_written_as_shown(protocol: str) -> None:
    """The page is the truth, word for word."""
    assert SHOWN[protocol] == written(protocol, LIMITED)


def test_both_protocols_of_openai_have_one_error() -> None:
    """So one example stands for both."""
    assert written("openai_responses", LIMITED) == SHOWN["openai_chat"]


@in_turn("status", WORDS)
def test_the_words_of_a_status_are_as_told(status: int) -> None:
    """The type in OpenAI's and Anthropic's errors, the status in Gemini's."""
    protocols = ["openai_chat", "anthropic_messages", "gemini_generate_content"]
    for protocol, cell in zip(protocols, WORDS[status], strict=True):
        if cell:
            assert names(cell) == [word(protocol, status)]


def test_every_status_of_a_code_has_its_words() -> None:
    """Each number in the table of codes, and the one that only Anthropic's clients see."""
    told = {int(number) for cells in rows(ERRORS, "code") for number in cells[1].replace(",", " ").split() if number.isdigit()}
    assert told - {422} | {422, PROTOCOLS["anthropic_messages"].overloaded_status} == set(WORDS)
