"""What every store must do with idempotency keys: a part of `store_suite.py`."""

from msgspec.structs import replace
from tests.stores.rows import DAY_MS, WALL_MS, call, request_id

from omnillm.records import ClaimRow, ClaimState, Posting
from omnillm.stores.store import Store

TAKEN, FINISHED, FREE = ClaimState.TAKEN, ClaimState.FINISHED, ClaimState.FREE


def claim(scope: str, state: ClaimState = TAKEN, *, number: int = 1, expires_wall_ms: int = WALL_MS + DAY_MS) -> ClaimRow:
    return ClaimRow(scope=scope, fingerprint=f"{scope}-body", request_id=request_id(number), state=state, expires_wall_ms=expires_wall_ms)


def answered(scope: str, *, number: int = 1, reply: bytes = b'{"answer": "\xc3\xa4"}\x00') -> ClaimRow:
    """With a value of its own in every field."""
    return replace(claim(scope, FINISHED, number=number), status=200, outcome="success", content_type="application/json", reply=reply)


class ClaimSuite:
    async def test_claim_is_there_when_its_durable_posting_returns(self, store: Store) -> None:
        """Alone or with a call's rows, also after a restart; another key is another."""
        await store.open()
        await store.post_durably(Posting(claims=(claim("a"),)))
        await store.post_durably(replace(call(2), claims=(claim("b", number=2),)))
        for _ in range(2):
            assert [await store.claim(scope) for scope in "abc"] == [claim("a"), claim("b", number=2), None]
            await store.aclose()
            await store.open()
        assert await store.verify() == []

    async def test_finished_claim_keeps_its_reply_byte_for_byte(self, store: Store) -> None:
        """Whatever the bytes are, and nothing takes them back."""
        await store.open()
        store.post(Posting(claims=(claim("a"),)))
        store.post(Posting(claims=(answered("a"),)))
        store.post(Posting(claims=(claim("a"),)))
        await store.flush()
        assert await store.claim("a") == answered("a")
        await store.aclose()
        await store.open()
        assert await store.claim("a") == answered("a")

    async def test_free_key_is_unknown_until_it_is_taken_again(self, store: Store) -> None:
        """Only its own request frees it."""
        await store.open()
        await store.post_durably(Posting(claims=(claim("a"), claim("a", FREE))))
        assert await store.claim("a") is None
        await store.post_durably(Posting(claims=(claim("a", number=2), claim("a", FREE))))
        assert await store.claim("a") == claim("a", number=2)

    async def test_batch_of_claims_may_be_applied_twice(self, store: Store) -> None:
        """What a later request, or a later state of the same one, has written stands."""
        await store.open()
        batch = [claim("a"), claim("a", FREE), claim("a", number=2), answered("a", number=2), claim("b", FINISHED), claim("c", number=3)]
        for _ in range(2):
            for row in batch:
                store.post(Posting(claims=(row,)))
            await store.flush()
            found = [await store.claim(scope) for scope in "abc"]
            assert found == [answered("a", number=2), claim("b", FINISHED), claim("c", number=3)]
        store.post(Posting(claims=(claim("c", FINISHED, number=2),)))
        await store.flush()
        assert await store.claim("c") == claim("c", number=3)

    async def test_expired_claim_is_unknown_and_goes_with_retention(self, store: Store) -> None:
        """At once unknown, then deleted a batch at a time; a later request takes its place."""
        await store.open()
        expired = [claim(scope, FINISHED, expires_wall_ms=WALL_MS) for scope in "abc"]
        await store.post_durably(Posting(claims=(*expired, claim("d"))))
        assert await store.claim("a") is None
        await store.post_durably(Posting(claims=(claim("a", number=2),)))
        assert [await store.retire(before_wall_ms=0, limit=1) for _ in range(3)] == [1, 1, 0]
        assert [await store.claim(scope) for scope in "abcd"] == [claim("a", number=2), None, None, claim("d")]
