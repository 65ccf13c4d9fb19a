"""What every store must report: a part of `store_suite.py`."""

import pytest
from msgspec.structs import replace
from tests.stores.rows import COST, USAGE, WALL_MS, attempt_row, call, post_all, request_id, request_row, tagged

from omnillm.errors import BadRequest
from omnillm.records import Posting, RequestFilter, first_id
from omnillm.stores.store import Store

LOSS = '[{"path":"generation.seed","kind":"dropped","detail":"Anthropic has no seed"}]'


class ReportSuite:
    async def test_usage_is_grouped_by_several_things(self, store: Store) -> None:
        """In the order in which they are asked for, and so sorted; one that a call has not is ""."""
        await store.open()
        await post_all(store, call(1, caller="b"), call(2, day="2026-11-24"), call(3), call(4, caller="b"))
        for group_by, due in (
            ("day,virtual_key", [("2026-11-24", "team-a", 1), ("2026-11-25", "b", 2), ("2026-11-25", "team-a", 1)]),
            ("virtual_key,day", [("b", "2026-11-25", 2), ("team-a", "2026-11-24", 1), ("team-a", "2026-11-25", 1)]),
            ("provider_key,virtual_key,model", [("openai/prod-1", "b", "fast", 2), ("openai/prod-1", "team-a", "fast", 2)]),
        ):
            rows = await store.usage(group_by=group_by, since_day="", until_day="")
            assert [(*row.groups, row.requests) for row in rows] == due
        [row] = await store.usage(group_by="day,provider_key", since_day="2026-11-25", until_day="")
        assert (*row.groups, row.requests, row.cost_nanousd) == ("2026-11-25", "openai/prod-1", 3, 3 * COST)

    async def test_unknown_groups_are_refused(self, store: Store) -> None:
        """Also a known one at a place where it says nothing."""
        await store.open()
        for text in (
            "",
            "colour",
            "day,",
            "day,day",
            "day,total",
            "model,model",
            "total,day",
            "tag:a,day",
            "model,tag:a",
            "Model",
            "tag:",
            "tag",
            "model:x",
            "tag:a,b",
        ):
            with pytest.raises(BadRequest, match="virtual_key"):
                await store.usage(group_by=text, since_day="", until_day="")

    async def test_a_request_is_found_by_its_id(self, store: Store) -> None:
        """By the whole of it, once it has ended."""
        await store.open()
        await store.post_durably(call(1))
        await store.post_durably(Posting(attempts=(attempt_row(2),)))
        assert await store.request(request_id(1)) == call(1).request
        assert [await store.request(unknown) for unknown in (request_id(2), request_id(1)[:-1], "")] == [None, None, None]

    async def test_requests_are_filtered(self, store: Store) -> None:
        """By every condition alone, and by several at once: those that meet all of them."""
        await store.open()
        plain = request_row(1)
        odd = replace(plain, request_id=request_id(2), caller="b", model="smart", provider="anthropic", outcome="aborted", status=499)
        dear = replace(plain, request_id=request_id(3), cost_nanousd=COST + 1)
        lossy = replace(plain, request_id=request_id(4), loss=LOSS)
        nobody = replace(plain, request_id=request_id(5), caller="")
        await post_all(store, *(Posting(request=row) for row in (plain, odd, dear, lossy, nobody)))
        for only, expected in (
            (RequestFilter(), [5, 4, 3, 2, 1]),
            (RequestFilter(virtual_key="b"), [2]),
            (RequestFilter(virtual_key=""), [5]),
            (RequestFilter(model="smart"), [2]),
            (RequestFilter(provider="anthropic"), [2]),
            (RequestFilter(outcome="aborted"), [2]),
            (RequestFilter(status=499), [2]),
            (RequestFilter(min_cost_nanousd=COST + 1), [3]),
            (RequestFilter(is_lossy=True), [4]),
            (RequestFilter(virtual_key="team-a", status=200), [4, 3, 1]),
            (RequestFilter(virtual_key="b", status=200), []),
        ):
            assert await self._found(store, only) == [request_id(number) for number in expected], only

    async def test_requests_are_filtered_by_their_time(self, store: Store) -> None:
        """From a moment on, to before another."""
        await store.open()
        ids = [first_id(WALL_MS + second * 1000) for second in range(4)]
        await post_all(store, *(Posting(request=replace(request_row(1), request_id=made)) for made in ids))
        since, until = WALL_MS + 1000, WALL_MS + 3000
        assert await self._found(store, RequestFilter(since_wall_ms=since)) == [ids[3], ids[2], ids[1]]
        assert await self._found(store, RequestFilter(until_wall_ms=until)) == [ids[2], ids[1], ids[0]]
        assert await self._found(store, RequestFilter(since_wall_ms=since, until_wall_ms=until)) == [ids[2], ids[1]]
        assert await self._found(store, RequestFilter(until_wall_ms=until), before=ids[1]) == [ids[0]]
        assert await self._found(store, RequestFilter(until_wall_ms=since), before=ids[2]) == [ids[0]]

    async def test_pages_of_a_filtered_list_are_stable(self, store: Store) -> None:
        """What comes in between two pages is on neither of the later ones, and nothing is there twice."""
        await store.open()
        await post_all(store, *(Posting(request=request_row(number, caller="b" if number % 2 else "a")) for number in range(10)))
        only = RequestFilter(virtual_key="b")
        first = await store.requests(limit=2, before="", only=only)
        await store.post_durably(Posting(request=replace(request_row(11), caller="b")))
        second = await store.requests(limit=9, before=first[-1].request_id, only=only)
        assert [row.request_id for row in (*first, *second)] == [request_id(number) for number in (9, 7, 5, 3, 1)]

    async def _found(self, store: Store, only: RequestFilter, *, before: str = "") -> list[str]:
        return [row.request_id for row in await store.requests(limit=100, before=before, only=only)]

    async def test_usage_is_grouped_by_tag(self, store: Store) -> None:
        """By the value of one tag, alone and day by day; calls without it are the group "", and all groups add up to the total."""
        await store.open()
        tags = ("team=a,env=prod", "team=b", " env = dev , team = a", "", "team=a,team=z", "noise,teams=x")
        await post_all(store, *(tagged(call(number, day=f"2026-11-2{number % 2}"), text) for number, text in enumerate(tags)))
        by_team = await store.usage(group_by="tag:team", since_day="", until_day="")
        assert [(*row.groups, row.requests, row.attempts, row.cost_nanousd) for row in by_team] == [
            (group, count, count, count * COST) for group, count in (("", 2), ("a", 3), ("b", 1))
        ]
        by_day = await store.usage(group_by="day,tag:env", since_day="", until_day="")
        assert [(*row.groups, row.requests) for row in by_day] == [
            ("2026-11-20", "", 1),
            ("2026-11-20", "dev", 1),
            ("2026-11-20", "prod", 1),
            ("2026-11-21", "", 3),
        ]
        since = await store.usage(group_by="tag:env", since_day="2026-11-21", until_day="")
        assert [(*row.groups, row.requests) for row in since] == [("", 3)]
        assert [(*row.groups, row.requests) for row in await store.usage(group_by="tag:none", since_day="", until_day="")] == [("", 6)]
        assert await store.verify() == []

    async def test_tags_are_counted_once_over_repeats_and_restarts(self, store: Store) -> None:
        """Attempts that come before or after their request too."""
        await store.open()
        await post_all(store, tagged(call(1), "team=a"))
        await post_all(store, tagged(call(1), "team=a"), Posting(attempts=(attempt_row(2),)))
        await post_all(store, tagged(call(2), "team=a"), Posting(request=replace(request_row(3), tags="team=a")))
        store.post(Posting(attempts=(attempt_row(3),)))
        await store.aclose()
        await store.open()
        [row] = await store.usage(group_by="tag:team", since_day="", until_day="")
        assert (*row.groups, row.requests, row.attempts, row.usage) == ("a", 3, 3, USAGE + USAGE + USAGE)
        assert await store.verify() == []
