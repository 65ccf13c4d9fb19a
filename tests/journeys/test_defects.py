"""What nobody foresaw, in the middle of a call: the reply and the log name the call that the ledger has."""

import pytest
from tests.journeys.running import Running, Serve, configuration
from tests.journeys.wire import ask, exchange

from omnillm.testing import FakeProvider

QUOTED = "sk-canary-of-a-defect"


async def broken(*_: object) -> None:
    raise KeyError(QUOTED)


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider, durability="strict"))


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_defect_is_answered_and_logged_with_the_id_of_its_call(
    gateway: Running, is_stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The id in the reply is the one of the row; type and place are logged, and not the message, which may quote the request."""
    monkeypatch.setattr(gateway.program.store, "post_durably", broken)
    reply = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=is_stream))
    assert (reply.status, reply.json["error"]["code"]) == (500, "internal_error")
    request, attempts = await gateway.last()
    assert (request.status, request.outcome, attempts) == (500, "internal_error", [])
    assert reply.headers["x-omnillm-request-id"] == request.request_id
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.getMessage().startswith(f"Call {request.request_id} failed with KeyError:")
    assert "in broken" in record.getMessage()
    assert QUOTED not in caplog.text
    assert gateway.in_flight == 0
