"""The same situations with the ledger in PostgreSQL, whose connections are cut, or lost as they commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.compositions.situation import Situation
from tests.postgres import GUARDED, PASSWORD, Postgres
from tests.stores.postgres_wire import Loss, Wire


class InDatabase(Situation):
    """In a schema of its own."""

    def __init__(self, *given: Any, postgres: Postgres) -> None:
        super().__init__(*given)
        self.postgres = postgres
        self.schema = postgres.schema()
        postgres.administer(f'GRANT ALL ON SCHEMA "{self.schema}" TO {GUARDED}')
        self.wire = Wire(self.path, postgres.directory)

    @property
    def ledger(self) -> str:
        return self.postgres.url(self.schema, user=GUARDED, password=PASSWORD, host=str(self.wire.here)).reveal()

    @asynccontextmanager
    async def provided(self, certificate: Path) -> AsyncIterator[None]:
        async with self.wire, super().provided(certificate):
            yield

    async def outage(self) -> None:
        """The connection is cut, or lost with a commit of which nobody knows whether it was."""
        if self.dice.random() < 0.5:
            self.wire.lose = self.dice.choice([Loss.ANSWER, Loss.QUESTION])
            return
        await self.wire.cut()
        for _ in range(self.dice.randrange(4)):
            await self.wait_a_little()
        await self.wire.mend()
        await self.until_healthy()

    async def until_alone(self, before: set[asyncio.Task[Any]]) -> None:
        """The wire has its own."""

    async def rest(self) -> None:
        self.wire.lose = None
        await self.until_healthy()
        await super().rest()
