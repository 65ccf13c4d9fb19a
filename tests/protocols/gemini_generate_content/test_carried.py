"""Reasoning of others that a call's signature carries through Gemini's clients."""

import json

from tests.in_turn import in_turn

from omnillm.model.message import Issuer, Message, Opaque, Reasoning
from omnillm.protocols.gemini_generate_content.carrier import CARRIED, carried_in, pack
from omnillm.protocols.transcode import parse_request


@in_turn("value", ["", "[", '"text"', "[[1]]", '[["","",[],false,' + "[" * 5_000, '["\\ud800"]'])
def test_what_cannot_be_read_is_none(value: str) -> None:
    """A client can write anything there."""
    assert carried_in(Opaque(value=value, issuer=Issuer(protocol="anthropic_messages"))) == ()


def carrying(*values: str) -> dict[str, object]:
    """A call with that reasoning in its signature."""
    issuer = Issuer(protocol="anthropic_messages")
    thoughts = json.dumps([[value, f"thought {value}"] for value in values])
    return {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": pack(Opaque(value=thoughts, issuer=issuer), CARRIED)}


def thoughts_in(*contents: tuple[str, list[dict[str, object]]]) -> list[list[str]]:
    """Of each message, what was thought."""
    body = json.dumps({"contents": [{"role": role, "parts": parts} for role, parts in contents]}).encode()
    request = parse_request("gemini_generate_content", body).value
    return [[part.text for part in item.parts if type(part) is Reasoning] for item in request.input if type(item) is Message]


def test_reasoning_that_two_calls_carry_is_thought_once_a_turn() -> None:
    """Where the turn is one content or several; it begins the content of its call, and the next turn has its own."""
    hello, result = [{"text": "hello"}], [{"functionResponse": {"name": "f", "response": {}}}]
    unsigned = {"text": "as the client kept it", "thought": True}
    one, two = ["thought 1"], ["thought 1", "thought 2"]
    assert thoughts_in(("user", hello), ("model", [unsigned, carrying("1"), carrying("1", "2"), unsigned])) == [
        [],
        [*two, unsigned["text"]],
    ]
    assert thoughts_in(("user", hello), ("model", [carrying("1")]), ("model", [{"text": "so"}, carrying("1", "2")])) == [[], two]
    turns = (("model", [carrying("1")]), ("user", result), ("model", [carrying("1")]), ("user", hello), ("model", [carrying("1")]))
    assert thoughts_in(*turns) == [one, one, [], one]
