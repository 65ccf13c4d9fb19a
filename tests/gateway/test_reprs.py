"""What may be shown of a call under way, in a traceback or a debugger."""

from typing import Any

from omnillm.gateway.answer import Answer
from omnillm.gateway.case import Case
from omnillm.gateway.quote import Quote

UNUSED: Any = None
SAID = "what was said"


def test_neither_a_case_nor_an_answer_shows_what_was_said() -> None:
    """Both are structs, which by themselves show every field."""
    answer = Answer(exchange=UNUSED, upstream=UNUSED, body=SAID.encode(), final=SAID.encode())
    case = Case(UNUSED, UNUSED, "01a210d73e56a54404b3a59d7201f18f", Quote(), (), 0.0, provider_body=SAID.encode())
    assert SAID not in f"{answer!r} {case!r}"
    assert case.request_id in repr(case)
