"""What a quote makes of the usage that a reply tells, or does not tell."""

import msgspec
from tests.gateway.quotes.quoting import CHAT, RESPONSES, quoted
from tests.in_turn import in_turn

from omnillm.gateway.quotes.extras import Extras
from omnillm.gateway.quotes.quote import Quote
from omnillm.pricing.cost import Price, Units
from omnillm.protocols.extras import Asked
from omnillm.usage import Usage


@in_turn(
    ("protocol", "extra", "is_paid_by_piece"),
    [
        (CHAT, {}, True),
        (CHAT, {"web_search_options": {}}, True),
        (RESPONSES, {"background": False}, True),
        (RESPONSES, {"background": True}, False),
    ],
)
def test_what_goes_on_without_its_client_is_paid_as_a_whole(protocol, extra, is_paid_by_piece):
    """Of everything else that is given up, what was seen is paid."""
    assert quoted(protocol, **extra)[1].is_paid_by_piece is is_paid_by_piece


def test_characters_are_the_usage_only_where_they_are_paid():
    """A speech that is paid by tokens, and reports none, is charged its bound."""
    quote = Quote(extras={("p", "m"): Extras(asked=Asked(), units=Units(characters=7))})
    assert quote.counted(("p", "m"), Price.of(input=1, output=1, character=3)) == Usage(characters=7)
    assert quote.counted(("p", "m"), Price.of(input=1, output=1)) is None
    assert quote.counted(("p", "other"), Price.of(input=1, output=1, character=3)) is None


def test_searches_that_no_reply_counts_are_added_once():
    """Not to those that it does count, nor where each attempt has their fee, nor where they have no price."""
    quote = Quote(extras={("p", "m"): Extras(asked=Asked(untold_calls=2))})
    priced, used = Price.of(input=1, output=1, tool_call=5, version="v:p/m;tools=web_search"), Usage(input=3)
    assert quote.completed(("p", "m"), priced, used) == Usage(input=3, tool_calls=2)
    assert quote.completed(("p", "m"), priced, Usage(input=3, tool_calls=1)) == Usage(input=3, tool_calls=1)
    assert quote.completed(("p", "m"), msgspec.structs.replace(priced, request=1), used) == used
    assert quote.completed(("p", "m"), msgspec.structs.replace(priced, version="v:p/m"), used) == used
    assert quote.completed(("p", "other"), priced, used) == used
