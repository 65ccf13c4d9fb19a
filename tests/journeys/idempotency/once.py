"""What the tests of idempotency keys share."""

from tests.journeys.running import VIRTUAL_KEY, Running
from tests.journeys.wire import Question, Reply, ask

from omnillm.testing import FakeProvider

KEY = "4c1f6a0e-order-17"
KEPT = "idempotency: {store_replies: true}"


def once(dialect: str = "openai_chat", prompt: str = "hello", *, key: str = KEY, caller: str = VIRTUAL_KEY, **how) -> Question:
    return ask(dialect, prompt, headers={"idempotency-key": key}, key=caller, **how)


def code_of(reply: Reply) -> object:
    error = reply.error
    match reply.dialect:
        case "anthropic_messages":
            return error["details"]["error_code"]
        case "gemini":
            return error["details"][0]["reason"]
        case _:
            return error["code"]


async def check_once(gateway: Running, fake: FakeProvider, *, calls: int = 1) -> None:
    """The provider was asked, and paid, so often; the ledger says the same, and nothing is held or in flight."""
    assert len(fake.log) == calls
    assert await gateway.spent() == fake.invoice.total_nanousd
    assert gateway.program._idempotency.claims._in_flight == {}


def check_refused(reply: Reply, status: int, code: str, *, should_retry: bool = False) -> None:
    assert (reply.status, code_of(reply)) == (status, code)
    assert reply.headers["x-should-retry"] == str(should_retry).lower()
