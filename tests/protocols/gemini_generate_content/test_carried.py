"""Reasoning of others that a call's signature carries through Gemini's clients."""

from tests.in_turn import in_turn

from omnillm.model.message import Issuer, Opaque
from omnillm.protocols.gemini_generate_content.carried import carried_in


@in_turn("value", ["", "[", '"text"', "[[1]]", '[["","",[],false,' + "[" * 5_000, '["\\ud800"]'])
def test_what_cannot_be_read_is_none(value: str) -> None:
    """A client can write anything there."""
    assert carried_in(Opaque(value=value, issuer=Issuer(protocol="anthropic_messages"))) == ()
