"""`Gateway.primitive_realtime`: a live session in a program's own hands."""

import asyncio
import sqlite3
from base64 import b64encode
from decimal import Decimal
from pathlib import Path

import pytest
from tests.library.calling import KEYS, PRICE, PRICES

from omnillm import (
    BudgetExceeded,
    CallerFault,
    Gateway,
    NoAvailableKey,
    PriceConfig,
    PrimitiveRequest,
    ProviderEndpoint,
    ProviderError,
    UpstreamLost,
)
from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider, Fault
from omnillm.testing.live.openai_realtime import SENTENCE_BYTES

ASK = PrimitiveRequest(model="fake-small")
TURN = {"type": "response.create", "response": {"output_modalities": ["text"]}}
SETUP = {"setup": {"model": "models/fake-small", "generationConfig": {"responseModalities": ["TEXT"]}}}


@pytest.fixture
async def provider():
    async with FakeProvider(keys={"key-a": Behaviour(), "key-b": Behaviour()}, prices=PRICES, clock=SystemClock()) as fake:
        yield fake


def gateway_of(provider: FakeProvider, **options: object) -> Gateway:
    return Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=PRICE, **options)


async def test_a_session_both_ways(provider: FakeProvider) -> None:
    """Text, mappings and bytes go out, the provider's own messages come in; in the end the cost is the invoice's."""
    async with gateway_of(provider, budget_limit_usd="1") as gateway:
        async with gateway.primitive_realtime(ASK) as session:
            kinds = []
            await session.send('{"type": "input_audio_buffer.clear"}')
            await session.send(b'{"type": "input_audio_buffer.clear"}')
            await session.send(TURN)
            async for message in session:
                kinds.append(message.json()["type"])
                if kinds[-1] == "response.done":
                    break
            assert kinds[:4] == ["session.created", *["input_audio_buffer.cleared"] * 2, "response.created"]
            assert session.usage == provider.invoice.lines[0].usage
            assert (session.close_code, session.model, session.provider, session.attempts) == (0, "fake-small", "default", 1)
        assert session.close_code == 1000
        assert session.cost_nanousd == provider.invoice.total_nanousd > 0
        assert gateway.budget_used_usd() == Decimal(session.cost_usd)
        assert gateway.budget_remaining_usd() == 1 - Decimal(session.cost_usd)
        assert [key.in_flight for key in gateway.pool_status()] == [0, 0]


async def test_a_session_of_gemini(provider: FakeProvider) -> None:
    """The setup is the request's body, and names the model."""
    async with Gateway(ProviderEndpoint.gemini(provider.base_url), keys=KEYS, prices=PRICE) as gateway:
        async with gateway.primitive_realtime(PrimitiveRequest.json(SETUP)) as session:
            turn = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hello"}]}], "turnComplete": True}}
            await session.send(turn)
            said = ""
            async for message in session:
                content = message.json().get("serverContent", {})
                said += "".join(part["text"] for part in content.get("modelTurn", {}).get("parts", ()))
                if content.get("turnComplete"):
                    break
            assert said.startswith("You said: Hello")
            assert message.text() == message.raw.decode()
        assert session.cost_nanousd == provider.invoice.total_nanousd > 0
        row = await gateway._program.store.request(session.request_id)
        assert (row.cost_nanousd, row.key) == (session.cost_nanousd, session.key)


async def test_speaking_while_listening(provider: FakeProvider) -> None:
    """One task sends, another receives; closing ends the iteration, and what was cut off is charged by estimate."""
    provider.enqueue(Fault.stall(after_events=4))
    async with gateway_of(provider) as gateway:
        async with gateway.primitive_realtime(ASK) as session:
            heard = []

            async def listen() -> None:
                async for message in session:
                    heard.append(message)

            listening = asyncio.create_task(listen())
            await session.send(TURN)
            while len(heard) < 4:
                await asyncio.sleep(0)
            session.close()
            await listening
            session.close()
        assert session.cost_nanousd >= provider.invoice.total_nanousd
        assert [key.in_flight for key in gateway.pool_status()] == [0, 0]


async def test_no_message_is_lost_to_a_reading_that_was_cancelled(provider: FakeProvider, tmp_path: Path) -> None:
    """Also one that had come, while the money for what follows was being written down: the provider begins turns by itself."""
    listening = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}}
    sentence = {"type": "input_audio_buffer.append", "audio": b64encode(bytes(SENTENCE_BYTES)).decode()}
    prices = {"fake-small": PriceConfig(input="0.4", output="1.6", max_output=100)}

    async def heard(*, steps: int) -> list[str]:
        """What three turns at once say, and three more, where each message is first waited for during so many steps of the loop."""
        kinds: list[str] = []
        async with gateway.primitive_realtime(ASK) as session:
            await session.send(listening)
            for turns in (3, 6, 9):
                for _ in range(3):
                    await session.send(sentence)
                while kinds.count("response.done") < turns:
                    reading = asyncio.create_task(session.__anext__())
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    reading.cancel()
                    try:
                        message = await reading
                    except asyncio.CancelledError:
                        message = await anext(session)
                    kinds.append(message.json()["type"])
        return kinds

    url = f"sqlite:///{tmp_path}/ledger.db"
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=prices, budget_limit_usd=1, store=url) as gateway:
        async with asyncio.timeout(10):
            said = [await heard(steps=steps) for steps in (1, 2, 50)]
    assert said[0] == said[1] == said[2]


async def test_leaving_by_an_error_hangs_up(provider: FakeProvider) -> None:
    """Nothing stays reserved."""
    async with gateway_of(provider, budget_limit_usd="1") as gateway:
        with pytest.raises(ZeroDivisionError):
            async with gateway.primitive_realtime(ASK):
                raise ZeroDivisionError
        assert gateway.budget_remaining_usd() == 1


async def test_closing_the_gateway_closes_its_sessions(provider: FakeProvider) -> None:
    """And the iteration of whoever listens ends."""
    gateway = gateway_of(provider)
    async with gateway.primitive_realtime(ASK) as session:
        await gateway.aclose()
        assert [message.json()["type"] async for message in session] == ["session.created"]


async def test_closing_the_gateway_closes_a_session_that_opens_meanwhile(provider: FakeProvider, tmp_path: Path) -> None:
    """It is settled before the ledger closes, and not by its reader, who would find that closed."""
    gateway = gateway_of(provider, budget_limit_usd="1", store=f"sqlite:///{tmp_path}/ledger.db")
    provider.enqueue(Fault.stall(after_events=0))

    async def converse() -> list[str]:
        async with gateway.primitive_realtime(ASK) as session:
            return [message.json()["type"] async for message in session]

    talk = asyncio.create_task(converse())
    while not gateway._lifetime._under_way or not gateway._program.client._sockets:
        await asyncio.sleep(0)
    closing = asyncio.create_task(gateway.aclose())
    await asyncio.sleep(0)
    provider.gate("stall").set()
    await closing
    assert await talk == ["session.created"]
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        assert ledger.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    ledger.close()


async def test_a_dead_key_is_not_seen(provider: FakeProvider) -> None:
    """Another one opens the session."""
    provider.enqueue(Fault.status(401))
    async with gateway_of(provider) as gateway:
        async with gateway.primitive_realtime(ASK) as session:
            assert session.attempts == 2
        provider.enqueue(Fault.status(401))
        with pytest.raises(NoAvailableKey):
            async with gateway.primitive_realtime(ASK):
                pytest.fail("there is no key left")


async def test_what_breaks_off_raises(provider: FakeProvider) -> None:
    """A loss, and a farewell that is an error; what was said before is read."""
    async with gateway_of(provider) as gateway:
        for fault, error in ((Fault.reset(after_events=3), UpstreamLost), (Fault(close_code=1011, message="oops", after=3), ProviderError)):
            provider.enqueue(fault)
            async with gateway.primitive_realtime(ASK) as session:
                await session.send(TURN)
                heard = 0
                with pytest.raises(error):
                    async for _ in session:
                        heard += 1
                assert heard == 3 or fault.action
                with pytest.raises(UpstreamLost):
                    await session.send(TURN)


async def test_what_is_sent_after_the_end_is_told(provider: FakeProvider) -> None:
    """Who only speaks, as a microphone does, would go on for ever."""
    async with gateway_of(provider) as gateway:
        provider.enqueue(Fault(close_code=1000, after=3))
        async with gateway.primitive_realtime(ASK) as session:
            with pytest.raises(TypeError, match="must be a mapping, a str or bytes, not a bytearray"):
                await session.send(bytearray(b"{}"))
            await session.send(TURN)
            assert len([message async for message in session]) == 3
            with pytest.raises(UpstreamLost, match="has ended the session with 1000") as told:
                await session.send(TURN)
            assert told.value.request_id == session.request_id
        async with gateway.primitive_realtime(ASK) as session:
            pass
        with pytest.raises(RuntimeError, match="this session is closed"):
            await session.send(TURN)


async def test_a_budget_ends_it(provider: FakeProvider) -> None:
    """The turn that does not fit raises where it was asked for."""
    prices = {"fake-small": PriceConfig(input="0.4", output="1.6", max_output=100)}
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=prices, budget_limit_usd="0.0012") as gateway:
        async with gateway.primitive_realtime(ASK) as session:
            with pytest.raises(BudgetExceeded):
                await session.send(TURN)
        assert gateway.budget_used_usd() == 0
        assert provider.sessions[0].heard == []


@pytest.mark.parametrize(
    ("request_", "options", "code"),
    [
        (ASK, {"transport": "webrtc"}, "webrtc_not_supported"),
        (ASK, {"transport": "sip"}, "webrtc_not_supported"),
        (PrimitiveRequest(), {}, "missing_model"),
        (PrimitiveRequest(model="x", protocol="anthropic_messages"), {}, "unsupported_protocol"),
        (PrimitiveRequest.json({"a": 1}, protocol="gemini_generate_content"), {}, "missing_setup"),
    ],
)
async def test_what_cannot_be_held_is_refused(
    provider: FakeProvider, request_: PrimitiveRequest, options: dict[str, str], code: str
) -> None:
    """By name, before anything is reserved or sent."""
    async with gateway_of(provider) as gateway:
        with pytest.raises(CallerFault) as refused:
            async with gateway.primitive_realtime(request_, **options):
                pytest.fail("nothing was opened")
    assert refused.value.code == code
    assert provider.log == []
