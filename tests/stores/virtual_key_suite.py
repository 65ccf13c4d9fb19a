"""What every store must do with virtual keys: a part of `store_suite.py`."""

from typing import Final

from msgspec.structs import replace

from omnillm.records import OwnBudget, VirtualKey
from omnillm.stores.store import Store

MADE_MS: Final = 1_795_608_000_000


def virtual_key(name: str, *, digest: str = "") -> VirtualKey:
    """With a value of its own in every field but the revision."""
    return VirtualKey(
        name=name,
        digest=digest or f"{name}-digest",
        pepper_id="p",
        created_wall_ms=MADE_MS,
        previous_digest=f"{name}-previous",
        previous_until_wall_ms=MADE_MS + 1,
        rotated_wall_ms=MADE_MS + 2,
        revoked_wall_ms=MADE_MS + 3,
        expires_wall_ms=MADE_MS + 4,
        rpm=5,
        tpm=6,
        max_concurrency=7,
        models=("fast", "claude-*"),
        budgets=("team",),
        budget=OwnBudget(limit_nanousd=2**62, period="month", is_hard=True, tz="Europe/Berlin", warn_permille=(500,)),
        tags={"cost_center": "a1"},
        metadata={"owner": "Zoë"},
    )


async def put(store: Store, key: VirtualKey) -> VirtualKey:
    written = await store.virtual_keys.put(key)
    assert written is not None
    return written


class VirtualKeySuite:
    async def test_virtual_key_is_read_as_it_was_put(self, store: Store) -> None:
        """By its name, also after a restart; nobody else has one."""
        await store.open()
        written = await put(store, virtual_key("a"))
        assert replace(written, revision=0) == virtual_key("a")
        await put(store, replace(virtual_key("b"), previous_digest=""))
        for _ in range(2):
            keys = store.virtual_keys
            assert await keys.get("a") == written
            assert await keys.get("c") is None
            await store.aclose()
            await store.open()

    async def test_name_of_a_virtual_key_is_given_once(self, store: Store) -> None:
        """The second is told, and changes nothing."""
        await store.open()
        first = await put(store, virtual_key("a"))
        assert await store.virtual_keys.put(virtual_key("a", digest="other")) is None
        assert await store.virtual_keys.get("a") == first

    async def test_virtual_key_that_changed_meanwhile_is_not_overwritten(self, store: Store) -> None:
        """Of two changes of the same revision the first one stands."""
        await store.open()
        first = await put(store, virtual_key("a"))
        second = await put(store, replace(first, revoked_wall_ms=MADE_MS + 9))
        assert await store.virtual_keys.put(replace(first, digest="other")) is None
        assert await store.virtual_keys.put(replace(virtual_key("b"), revision=7)) is None
        assert await store.virtual_keys.get("a") == second
        assert await store.virtual_keys.get("b") is None

    async def test_changed_virtual_keys_are_told_once(self, store: Store) -> None:
        """In the order of their changes, page by page, each as it is now; and when nothing has changed, none."""
        await store.open()
        assert await store.virtual_keys.since(0, limit=9) == []
        a, b, c = [await put(store, virtual_key(name)) for name in "abc"]
        assert a.revision < b.revision < c.revision
        assert await store.virtual_keys.since(0, limit=2) == [a, b]
        assert await store.virtual_keys.since(b.revision, limit=2) == [c]
        assert await store.virtual_keys.since(c.revision, limit=2) == []
        changed = await put(store, replace(a, rpm=1))
        assert changed.revision > c.revision
        assert await store.virtual_keys.since(c.revision, limit=2) == [changed]
        await store.aclose()
        await store.open()
        assert await store.virtual_keys.since(0, limit=9) == [b, c, changed]

    async def test_pepper_is_made_once(self, store: Store) -> None:
        """The same after a restart, or no digest would be found again."""
        await store.open()
        pepper = await store.virtual_keys.pepper()
        assert len(pepper) == 32
        await store.aclose()
        await store.open()
        assert await store.virtual_keys.pepper() == pepper
