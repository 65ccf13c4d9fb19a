"""What the tests of how sessions end share."""

import asyncio

from tests.journeys.live import began
from tests.journeys.running import Running, until

from omnillm.testing import FakeProvider, Fault

ONE_KEY = {"a": "key: sk-a, max_concurrency: 1"}
ASK = {"type": "response.create", "response": {"output_modalities": ["text"]}}
TURN = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hello"}]}], "turnComplete": True}}
DROP = Fault(name="stall", action="stall", point="events", after=4)
"""Silence in the middle of a turn: the session's first message, the turn's beginning and two words have been said."""


async def check_free(gateway: Running, fake: FakeProvider) -> None:
    """Nothing is held, and the next session finds the one key and the one slot free."""
    await until(lambda: gateway.in_flight == 0)
    async with asyncio.timeout(5):
        await fake.ended(len(fake.log))
    assert await gateway.spent() >= fake.invoice.total_nanousd
    fake.gate("stall").set()
    talk = await began(gateway.port)
    await talk.close()
