"""The fake provider's live sessions, with the official SDK and nothing in between."""

import openai
import pytest
from tests.journeys.live import Talk, handshake

from omnillm.testing import Behaviour, FakeProvider, Fault

PRICES = {"fake-small": {"input": 1_000_000, "output": 2_000_000, "input_audio": 10_000_000, "output_audio": 20_000_000}}


def port_of(fake: FakeProvider) -> int:
    return int(fake.base_url.rpartition(":")[2])


async def test_the_official_sdk_holds_a_session() -> None:
    """Text, then speech; each turn is a line of the invoice, with every kind of token at its rate."""
    async with FakeProvider(keys={"sk-good": Behaviour(words=4, cached_tokens=2)}, prices=PRICES) as fake:
        async with openai.AsyncOpenAI(base_url=f"{fake.base_url}/v1", api_key="sk-good") as client:
            async with client.realtime.connect(model="fake-small") as session:
                for modality in ("text", "audio"):
                    content = [{"type": "input_text", "text": "Say hello, please!"}]
                    await session.conversation.item.create(item={"type": "message", "role": "user", "content": content})
                    await session.response.create(response={"output_modalities": [modality]})
                    async for event in session:
                        if event.type == "response.done":
                            break
                assert event.response.usage.output_token_details.audio_tokens == 4
        await fake.ended(1)
        [first, second] = fake.invoice.lines
        assert (first.usage.output_audio, second.usage.output_audio) == (0, 4)
        assert second.cost_nanousd == second.usage.input + second.usage.cache_read + 2 * 4 + 20 * 4
        assert (fake.log[0].status, fake.log[0].completed, fake.log[0].model) == (101, True, "fake-small")


async def test_a_key_that_is_unknown_opens_nothing() -> None:
    """401, in the protocol's form."""
    async with FakeProvider(keys={"sk-good": Behaviour()}) as fake:
        async with openai.AsyncOpenAI(base_url=f"{fake.base_url}/v1", api_key="sk-bad") as client:
            with pytest.raises(Exception, match="401"):
                async with client.realtime.connect(model="fake-small"):
                    pytest.fail("it was opened")


async def test_a_client_that_hangs_up_is_billed_for_what_was_said() -> None:
    """The prompt, and the words until then."""
    async with FakeProvider(prices=PRICES, billing_lag_tokens=3) as fake:
        fake.enqueue(Fault.stall(after_events=4))
        talk = await Talk.open(port_of(fake), handshake("/v1/realtime?model=fake-small"))
        assert await talk.answer() == 101
        talk.say({"type": "response.create", "response": {"output_modalities": ["text"]}})
        for _ in range(4):
            assert await talk.hear()
        talk.reset()
        await fake.ended(1)
        [line] = fake.invoice.lines
        assert (line.is_partial, line.usage.output) == (True, 2 + 3)
        assert fake.log[0].aborted_by_client


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(close_code=4000, message="bye", after=1), 4000),
        (Fault.cut(after_events=1), 0),
        (Fault(inserted=b"\xf7garbage", after=1), 0),
        (Fault(comment_bytes=1000, after=1), 0),
    ],
)
async def test_faults_come_after_so_many_messages(fault: Fault, code: int) -> None:
    """A farewell, an end without one, bytes that are no frame, a message of any size."""
    async with FakeProvider() as fake:
        fake.enqueue(fault)
        talk = await Talk.open(port_of(fake), handshake("/v1/realtime?model=fake-small"))
        await talk.answer()
        talk.say({"type": "input_audio_buffer.clear"})
        assert (await talk.event())["type"] == "session.created"
        if fault.comment_bytes:
            assert await talk.hear() == (b'"' + b"x" * 1000 + b'"', True)
        elif fault.inserted:
            assert await talk.hear() is None or talk.protocol.parser_exc is not None
        else:
            assert (await talk.end())[0] == code
        talk.reset()
