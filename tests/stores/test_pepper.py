"""The pepper beside a ledger's file."""

import asyncio
import stat

import pytest
from tests.stores.virtual_key_suite import virtual_key

from omnillm.errors import ConfigError
from omnillm.stores import pepper
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock


def test_pepper_is_its_owners_alone(tmp_path):
    """Made once, readable by nobody else, and nothing else is left."""
    made = pepper.keep(tmp_path / "ledger.db")
    assert pepper.keep(tmp_path / "ledger.db") == made != pepper.keep(tmp_path / "other.db")
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        "ledger.db.pepper": 0o600,
        "other.db.pepper": 0o600,
    }


@pytest.mark.parametrize("content", [b"", b"ab", b"zz" * 32, b"\xff" * 64, b"ab" * 33])
def test_damaged_pepper_is_told(tmp_path, content):
    """It is never replaced by another one: every virtual key would be lost."""
    path = tmp_path / "ledger.db.pepper"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ledger\.db\.pepper is damaged"):
        pepper.keep(tmp_path / "ledger.db")
    assert path.read_bytes() == content


def test_half_made_pepper_is_made_again(tmp_path):
    """A kill in the middle leaves a draft, which nobody has used."""
    (tmp_path / "ledger.db.pepper.new").write_bytes(b"ab")
    assert len(pepper.keep(tmp_path / "ledger.db")) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db.pepper"]


def test_missing_folder_is_told(tmp_path):
    """With the place and the reason."""
    with pytest.raises(ConfigError, match=r"nowhere/ledger\.db\.pepper: No such file"):
        pepper.keep(tmp_path / "nowhere" / "ledger.db")


async def test_keys_put_at_once_are_all_told(tmp_path):
    """Whoever looks while others write misses none."""
    store = SqliteStore(tmp_path / "ledger.db", clock=ManualClock())
    await store.open()
    told = []

    async def look():
        while len(told) < 50:
            told.extend(await store.virtual_keys.since(told[-1].revision if told else 0, limit=7))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    written = await asyncio.gather(*(store.virtual_keys.put(virtual_key(f"k{number}")) for number in range(50)))
    async with asyncio.timeout(20):
        await looking
    assert sorted(told, key=lambda key: key.name) == sorted(written, key=lambda key: key.name)
    await store.aclose()
