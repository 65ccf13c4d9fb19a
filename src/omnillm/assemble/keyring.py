"""The virtual keys that callers use: those of the configuration file, and those of the ledger, which change while the program runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from omnillm.assemble.parts import make_caller
from omnillm.assemble.program import Program
from omnillm.assemble.stored_key import Stamp, callers_of, change, check_change, issue, make_secret, problems_of, rotate, terms_of
from omnillm.config.checks import check_terms
from omnillm.config.from_json import read_change, read_terms
from omnillm.config.problems import Problems
from omnillm.config.settings import Settings, VirtualKeyTerms
from omnillm.config.values import Seconds
from omnillm.errors import CallerFault, ConfigError, LedgerUnavailable
from omnillm.gateway.call import Caller
from omnillm.records import VirtualKey
from omnillm.secret import Secret
from omnillm.server.authenticate import digest
from omnillm.server.operations.virtual_keys import Issued, Listed

log = logging.getLogger("omnillm")

PAGE: Final = 1000
POLL_TICKS: Final = 10
"""Half a second: what another process has changed is in force here within a second."""


class Rotation(Struct, frozen=True, kw_only=True):
    """What the rotation of a virtual key is asked with."""

    grace_s: Seconds = field(default=0.0, name="grace")
    """How long the secret before stays good."""


class Keyring:
    """`callers`: digest -> callers. It changes in place; `rebuild` makes a new one."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._kept = program.store.virtual_keys
        self._pepper_id = ""
        self._stored: dict[str, VirtualKey] = {}
        self._revision = 0
        self.changing = asyncio.Lock()
        """Held while a key is changed, and while another configuration is applied: each is checked against the other as it then is."""
        self._polling: asyncio.Task[None] | None = None
        self.callers: dict[bytes, Caller] = {}

    # what is in force

    async def read(self) -> None:
        """Learn what the ledger keeps; `enrol` comes next."""
        self._pepper_id = digest(self._program.pepper, b"id").hex()[:16]
        async for key in self._changed():
            self._stored[key.name] = key

    def enrol(self) -> None:
        """Bring it into force. Raises ConfigError where the file does not fit it."""
        self.check(self._program.settings)
        for key in self._live():
            self._program.enrolment.enrol(terms_of(key))
        strange = [key.name for key in self._live() if key.pepper_id != self._pepper_id]
        if strange:
            log.warning(
                "%d virtual keys were made with another pepper, and nobody can call with them: %s", len(strange), ", ".join(strange[:9])
            )

    def check(self, settings: Settings) -> None:
        """Raises ConfigError unless a configuration fits the keys that the ledger keeps."""
        found = [sentence for key in self._stored.values() for sentence in problems_of(key, settings)]
        if found:
            raise ConfigError("\n".join(found), path="virtual_keys")

    def returning(self) -> list[VirtualKeyTerms]:
        """The kept keys that are not in force: they did not fit the present configuration."""
        return [terms_of(key) for key in self._live() if key.name not in self._program.enrolment.keys]

    def rebuild(self, settings: Settings) -> dict[bytes, Caller]:
        """Digest -> callers, under this configuration."""
        callers = {self._digest(key.key): make_caller(settings, key) for key in settings.virtual_keys}
        for key in self._live():
            callers.update(callers_of(key, settings))
        self.callers = callers
        return callers

    def look(self) -> None:
        """Look for what other processes have changed."""
        if self._polling is None or self._polling.done():
            self._polling = asyncio.get_running_loop().create_task(self._poll())

    async def aclose(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])

    async def _poll(self) -> None:
        with suppress(LedgerUnavailable):  # it is told elsewhere, and the next look finds the same
            async for key in self._changed():
                self._take(key)

    async def _changed(self) -> AsyncIterator[VirtualKey]:
        while found := await self._kept.since(self._revision, limit=PAGE):
            for key in found:
                yield key
            self._revision = found[-1].revision

    def _live(self) -> Iterator[VirtualKey]:
        return (key for key in self._stored.values() if not key.revoked_wall_ms)

    def _take(self, key: VirtualKey) -> None:
        """Bring a key into force as it is now."""
        before = self._stored.get(key.name)
        if before is not None:
            if before.revision >= key.revision:
                return
            self._withdraw(before)
        self._stored[key.name] = key
        if problems := problems_of(key, self._program.settings):
            self._program.enrolment.suspend(key.name)
            for problem in problems:
                log.warning("not in force here: %s", problem)
        elif key.revoked_wall_ms:
            self._program.enrolment.retire(key.name)
        else:
            if before is None or terms_of(before) != terms_of(key):
                self._program.enrolment.enrol(terms_of(key))
            self.callers.update(callers_of(key, self._program.settings))

    def _withdraw(self, key: VirtualKey) -> None:
        """Nobody calls with its secrets any more."""
        for old, caller in callers_of(key, self._program.settings):
            if self.callers.get(old) == caller:
                del self.callers[old]

    # what the admin API asks

    def page(self, *, after: str, limit: int) -> list[Listed]:
        """The keys after the name `after`, in the order of names."""
        static = {key.name: key for key in self._program.settings.virtual_keys}
        names = sorted(name for name in static.keys() | self._stored.keys() if name > after)
        return [self._listed(static.get(name), self._stored.get(name)) for name in names[:limit]]

    def find(self, name: str) -> Listed:
        static = next((key for key in self._program.settings.virtual_keys if key.name == name), None)
        stored = self._stored.get(name)
        if static is None and stored is None:
            raise CallerFault(f"There is no virtual key {name[:64]!r}.", code="not_found", status=404)
        return self._listed(static, stored)

    async def create(self, asked: bytes) -> Issued:
        async with self.changing:
            terms = read_terms(asked, VirtualKeyTerms, lambda terms, problems: check_terms(terms, "", self._program.settings, problems))
            if terms.name in self._stored or any(key.name == terms.name for key in self._program.settings.virtual_keys):
                raise _taken(terms.name)
            secret = make_secret()
            written = await self._kept.put(issue(terms, self._stamp(secret), self._wall_ms()))
            if written is None:
                raise _taken(terms.name)
            self._take(written)
            return Issued(listed=self.find(terms.name), secret=secret)

    async def change(self, name: str, asked: bytes) -> Listed:
        """Other terms, from the next call on. An expired key can live again."""
        async with self.changing:
            key = self._changeable(name)
            if key.revoked_wall_ms:
                raise _ended(name)
            before = terms_of(key)

            def check(terms: VirtualKeyTerms, problems: Problems) -> None:
                check_terms(terms, "", self._program.settings, problems)
                check_change(before, terms, problems)

            terms = read_change(asked, before, check, fixed="name")
            if terms != before:
                await self._change(change(key, terms))
            return self.find(name)

    async def rotate(self, name: str, asked: bytes) -> Issued:
        async with self.changing:
            grace_s = read_terms(asked, Rotation, lambda *_: None).grace_s
            key = self._changeable(name)
            if self._state(key.expires_wall_ms, key.revoked_wall_ms) != "active":
                raise _ended(name)
            secret = make_secret()
            await self._change(rotate(key, self._stamp(secret), self._wall_ms(), grace_ms=int(grace_s * 1000)))
            return Issued(listed=self.find(name), secret=secret)

    async def revoke(self, name: str) -> Listed:
        """Revoke a key. Doing so again is no error: it stays revoked since the first time."""
        async with self.changing:
            key = self._changeable(name)
            if not key.revoked_wall_ms:
                await self._change(replace(key, revoked_wall_ms=self._wall_ms(), previous_digest="", previous_until_wall_ms=0))
            return self.find(name)

    async def _change(self, key: VirtualKey) -> None:
        written = await self._kept.put(key)
        if written is None:
            raise CallerFault(
                f"The virtual key {key.name!r} was just changed: look, and ask again.", code="virtual_key_changed", status=409
            )
        self._take(written)

    def _changeable(self, name: str) -> VirtualKey:
        key = self._stored.get(name)
        if key is not None:
            return key
        self.find(name)
        raise CallerFault(
            f"The virtual key {name!r} stands in the configuration file: change it there.", code="virtual_key_static", status=409
        )

    def _listed(self, static: VirtualKeyTerms | None, stored: VirtualKey | None) -> Listed:
        if static is not None:
            return Listed(terms=static, state=self._state(int((static.expires_wall or 0) * 1000), 0), stored=None)
        assert stored is not None
        return Listed(terms=terms_of(stored), state=self._state(stored.expires_wall_ms, stored.revoked_wall_ms), stored=stored)

    def _state(self, expires_wall_ms: int, revoked_wall_ms: int) -> str:
        if revoked_wall_ms:
            return "revoked"
        return "expired" if 0 < expires_wall_ms <= self._wall_ms() else "active"

    def _stamp(self, secret: Secret) -> Stamp:
        return Stamp(digest=self._digest(secret).hex(), pepper_id=self._pepper_id)

    def _digest(self, secret: Secret) -> bytes:
        return digest(self._program.pepper, secret.reveal().encode())

    def _wall_ms(self) -> int:
        return int(self._program.clock.wall() * 1000)


def _ended(name: str) -> CallerFault:
    return CallerFault(f"The virtual key {name!r} has ended: make another one.", code="virtual_key_ended", status=409)


def _taken(name: str) -> CallerFault:
    return CallerFault(f"There is, or was, a virtual key {name!r}: a name is given once.", code="virtual_key_exists", status=409)
