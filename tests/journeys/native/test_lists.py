"""Native calls: what is listed and found again is the caller's own, or nobody's."""

import json
from pathlib import Path

import pytest
from tests.journeys.hosts import answering
from tests.journeys.native.asking import ADA, BATCHED, CONFIG, DORA, FILE, ask, batch_over, upload
from tests.journeys.running import Running, Serve

from omnillm.assemble import SystemClock
from omnillm.records import Binding, Posting
from omnillm.stores.sqlite import database
from omnillm.testing import FakeProvider
from omnillm.testing.faults import Fault


async def test_an_opened_path_lists_nothing_of_another(fake: FakeProvider, gateway: Running) -> None:
    """What nobody here made is shown to all; where nothing is left out, the provider's bytes are the client's."""
    stores = "/v1/vector_stores"
    made = {key: (await ask(gateway, "POST", stores, b"{}", key=key)).json["id"] for key in (ADA, DORA)}
    fake.shelf("sk-a").keep("vector_stores", "vs_old", {"id": "vs_old", "data": [1, {"x": []}]})
    for key, name in made.items():
        assert [entry["id"] for entry in (await ask(gateway, "GET", stores, key=key)).json["data"]] == ["vs_old", name]
    assert (await ask(gateway, "GET", f"{stores}/vs_old", key=DORA)).body == b'{"id":"vs_old","data":[1,{"x":[]}]}'


async def test_the_ends_of_an_opened_paths_page_are_the_callers_own(fake: FakeProvider, gateway: Running) -> None:
    """`first_id` and `last_id` tell of nothing that is left out. Of a page of which nothing is left the last one leads on to the next page."""
    stores = "/v1/vector_stores"
    ada, dora = [(await ask(gateway, "POST", stores, b"{}", key=key)).json["id"] for key in (ADA, DORA)]
    pages = [(await ask(gateway, "GET", f"{stores}{page}", key=key)).json for key, page in ((ADA, ""), (DORA, ""), (ADA, "?limit=1"))]
    told = [([entry["id"] for entry in page["data"]], page["first_id"], page["last_id"], page["has_more"]) for page in pages]
    assert told == [([ada], ada, ada, False), ([dora], dora, dora, False), ([], None, dora, True)]
    rest = (await ask(gateway, "GET", f"{stores}?limit=1&after={dora}")).json
    assert ([entry["id"] for entry in rest["data"]], rest["has_more"]) == ([ada], False)
    last = (await ask(gateway, "GET", f"{stores}?after={dora}", key=DORA)).json
    assert last == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_no_size_of_a_list_shows_what_is_anothers(fake: FakeProvider, gateway: Running) -> None:
    """A caller can make its own entries as long as it likes; what is too long to be looked through is not shown at all."""
    stores = "/v1/vector_stores"
    theirs, own = [(await ask(gateway, "POST", stores, b"{}", key=key)).json["id"] for key in (ADA, DORA)]
    for number, size in enumerate((1_500_000, 7_000_000)):
        fake.shelf("sk-a").keep("vector_stores", f"vs_{number}", {"id": f"vs_{number}", "metadata": {"x": "y" * size}})
        told = await ask(gateway, "GET", stores, key=DORA)
        if told.status == 200:
            assert [entry["id"] for entry in told.json["data"]] == ["vs_0", own]
    assert (told.status, told.error["code"]) == (400, "reply_too_large")
    assert theirs.encode() not in told.body
    assert (await ask(gateway, "GET", f"{stores}/vs_0", key=DORA)).status == 200
    await gateway.program.store.flush()
    assert gateway.in_flight == 0


async def test_the_case_of_a_type_of_content_means_nothing(serve: Serve, fake: FakeProvider, gateway: Running) -> None:
    """A list is looked through, and a stream is one, however its provider spells that it is."""
    async with answering(b'{"data": [{"id": "vs_theirs"}, {"id": "vs_free"}]}', "Application/JSON") as url:
        listing = await serve(CONFIG.replace("BASE", url))
        made = Binding(kind="object", upstream_id="vs_theirs", provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
        await listing.program.store.post_durably(Posting(bindings=(made,)))
        assert (await ask(listing, "GET", "/v1/vector_stores", b"{}", key=DORA)).json == {"data": [{"id": "vs_free"}]}
    fake.enqueue(Fault(name="loud", fields=(("content-type", "Text/Event-Stream"),)))
    body = {"model": "openai/fake-small", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    assert b"[DONE]" in (await ask(gateway, "POST", "/v1/chat/completions", json.dumps(body).encode())).body
    assert [logged.fault for logged in fake.log] == ["loud"]


async def test_who_changes_what_all_share_does_not_become_its_owner(fake: FakeProvider, gateway: Running) -> None:
    """A store that was made elsewhere stays everybody's, though the reply to a change names it as the reply to its making does."""
    fake.shelf("sk-a").keep("vector_stores", "vs_2025", {"id": "vs_2025"})
    assert (await ask(gateway, "POST", "/v1/vector_stores/vs_2025", b'{"metadata": {}}')).json["metadata"] == {}
    assert (await ask(gateway, "GET", "/v1/vector_stores/vs_2025", key=DORA)).json["metadata"] == {}


async def test_what_an_opened_path_made_is_found_again(fake: FakeProvider, serve: Serve, tmp_path: Path) -> None:
    """With the key that made it, after a restart too; to another virtual key it is not there, and what nobody here made is nobody's."""
    text = (
        CONFIG.replace("BASE", fake.base_url)
        .replace("memory://", f"sqlite:///{tmp_path}/omnillm.db")
        .replace("priority", "random_first_fit")
    )
    stores, clock = "/providers/openai/v1/vector_stores", SystemClock()
    before, made = await serve(text, clock=clock), {}
    for _ in range(24):
        reply = await ask(before, "POST", stores, b"{}")
        made[reply.json["id"]] = reply.headers["x-omnillm-key"]
    assert set(made.values()) == {"a", "b"}
    await before.end()
    after = await serve(text, clock=clock)
    for name, key in made.items():
        reply = await ask(after, "GET", f"{stores}/{name}")
        assert (reply.status, reply.headers["x-omnillm-key"]) == (200, key)
        assert (await ask(after, "GET", f"{stores}/{name}", key=DORA)).status == 404
    heard = len(fake.log)
    assert (await ask(after, "GET", f"{stores}/vs_of_2025", key=DORA)).error["message"] == "No such object: vs_of_2025"
    assert len(fake.log) == heard + 1


async def test_the_results_of_a_listed_batch_are_its_makers(fake: FakeProvider, gateway: Running) -> None:
    """Whoever looks at the list alone, and never at the batch, finds the file that it names there; nobody else does."""
    made, shelf, kept = await batch_over(gateway, fake, BATCHED, ADA)
    shelf.keep("files", "file-late", {"id": "file-late", "object": "file"}, b"late results")
    kept.told["error_file_id"] = "file-late"
    late = f"{FILE}/file-late/content"
    assert (await ask(gateway, "GET", late)).status == 404
    assert [each["id"] for each in (await ask(gateway, "GET", "/v1/batches")).json["data"]] == [made]
    assert (await ask(gateway, "GET", late)).body == b"late results"
    assert (await ask(gateway, "GET", late, key=DORA)).status == 404


async def test_a_small_page_is_found_behind_many_entries_of_others(fake: FakeProvider, gateway: Running) -> None:
    """A page of two does not mean two of the provider's at a time; it has two, and the next one what is left."""
    ids = [(await upload(gateway)).json["id"] for _ in range(3)]
    for key in ("sk-a", "sk-b"):
        for number in range(150):
            fake.shelf(key).keep("files", f"file-{key}-{number}", {"id": f"file-{key}-{number}", "object": "file"})
    told, after, more = [], "", True
    while more:
        page = (await ask(gateway, "GET", f"{FILE}?limit=2{after}")).json
        assert len(page["data"]) == min(2, len(ids) - len(told))
        told += [each["id"] for each in page["data"]]
        after, more = f"&after={told[-1]}", page["has_more"]
    assert sorted(told) == sorted(ids)


async def test_a_page_of_files_is_looked_up_in_the_ledger_at_once(
    fake: FakeProvider, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart none of them is in memory, and a busy machine takes half a second for each look: a hundred would take a minute."""
    gateway = await serve(CONFIG.replace("BASE", fake.base_url).replace("memory://", f"sqlite:///{tmp_path}/ledger.db"))
    names = [f"file-{number}" for number in range(40)]
    for name in names:
        fake.shelf("sk-a").keep("files", name, {"id": name, "object": "file"})
        bound = Binding(kind="file", upstream_id=name, provider="openai", key="a", caller="ada", expires_wall_ms=2**50)
        gateway.program.store.post(Posting(bindings=(bound,)))
    await gateway.program.store.flush()
    looks, connect = [], database.connect_to_read
    monkeypatch.setattr(database, "connect_to_read", lambda path: looks.append(path) or connect(path))
    page = (await ask(gateway, "GET", FILE)).json["data"]
    assert sorted(each["id"] for each in page) == sorted(names)
    assert len(looks) <= 2


async def test_a_list_goes_on_from_what_nobody_here_made(fake: FakeProvider, serve: Serve) -> None:
    """Where no virtual key is asked for, and one key makes all, the provider's own list is shown, from wherever it is asked."""
    gateway = await serve(
        f"server: {{port: 0, auth: none}}\nproviders: {{openai: {{kind: openai, base_url: {fake.base_url}, keys: [{{label: a, key: sk-a}}]}}}}\n"
    )
    for number in range(3):
        fake.shelf("sk-a").keep("files", f"file-{number}", {"id": f"file-{number}", "object": "file"})
    page = await ask(gateway, "GET", f"{FILE}?after=file-2&limit=1")
    assert [each["id"] for each in page.json["data"]] == ["file-1"]
    assert page.json["has_more"] is True


async def test_what_a_key_made_that_is_gone_is_told_so(fake: FakeProvider, serve: Serve, tmp_path: Path) -> None:
    """By its label, in place of saying that there are no keys at all; a list goes on with those that are left."""
    text = CONFIG.replace("BASE", fake.base_url).replace("memory://", f"sqlite:///{tmp_path}/omnillm.db")
    before = await serve(text)
    made = (await upload(before)).json["id"]
    await before.end()
    after = await serve(text.replace('{label: a, key: sk-a, models: ["fake-*"]}, ', ""))
    told = {"model": "openai/fake-small", "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": made}}]}]}
    for refused in (await ask(after, "GET", f"{FILE}/{made}"), await ask(after, "POST", "/v1/chat/completions", json.dumps(told).encode())):
        assert (refused.status, refused.error["code"]) == (503, "no_key_serves_model")
        assert f"{made!r} was made with key 'a' of provider 'openai'" in refused.error["message"]
    assert (await ask(after, "GET", FILE)).json["data"] == []


async def test_an_id_of_nobody_is_not_found(fake: FakeProvider, gateway: Running) -> None:
    """A virtual key finds what it made; what was made elsewhere could be anybody's."""
    reply = await ask(gateway, "GET", f"{FILE}/file-of-somebody")
    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert fake.log == []


async def test_a_list_does_not_go_on_from_what_another_made(fake: FakeProvider, gateway: Running) -> None:
    """Nor tell that it is there."""
    made = (await upload(gateway)).json["id"]
    paths = [*(f"{FILE}?after={name}" for name in (made, "file-of-nobody")), "/providers/gemini/v1beta/files?pageToken=t"]
    replies = [await ask(gateway, "GET", path, key=DORA) for path in paths]
    assert [reply.status for reply in replies] == [400, 400, 400]
    assert replies[0].error["message"] == replies[1].error["message"]
    assert len(fake.log) == 1
