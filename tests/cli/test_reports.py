"""`omnillm usage`, `requests` and `verify`, on a ledger that is closed, open, damaged or none."""

import asyncio
import csv
import io
import json
import sqlite3
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.postgres import GUARDED
from tests.stores.report_suite import LOSS
from tests.stores.rows import COST, WALL_S, call, entry, request_id, request_row

from omnillm.assemble.prices import make_catalog
from omnillm.cli.main import main
from omnillm.config.load import load
from omnillm.pricing.cost import bound_behind
from omnillm.records import EntryKind, Posting
from omnillm.server.operations.reports import requests_csv
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sql_store import SqlStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

CONFIG = 'store: {{url: "{url}"}}\nproviders: {{openai: {{kind: openai, keys: [{{label: a, key: sk-a-0123456789}}]}}}}\n'
NOT_AT_HAND = "0 costs computed again, 4 not: their prices are not at hand"
OWN = "pricing: {overrides: {openai/own: {input: 0.4, output: 1.6, cache_read: 0, reasoning: 0}}}\n"


def postings() -> list[Posting]:
    """Two callers, two days, one odd request with a name that would be a formula, and would move a cursor."""
    odd = replace(request_row(4, cost=1), model="=cmd()\x07", loss=LOSS, attempts=0, cost_nanousd=0)
    return [call(1), call(2, caller="team-b"), call(3, day="2026-11-26"), call(5), Posting(request=odd)]


async def fill_store(store: SqlStore) -> None:
    await store.open()
    for posting in postings():
        store.post(posting)
    await store.aclose()


def fill(path: Path) -> Path:
    asyncio.run(fill_store(SqliteStore(path, clock=ManualClock(wall=WALL_S))))
    return path


@pytest.fixture
def ledger(tmp_path):
    return fill(tmp_path / "omnillm.db")


@pytest.fixture
def run(monkeypatch, capsys):
    """(exit code, standard output, standard error)."""

    def run(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["omnillm", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
            sys.exit(0)
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def test_usage_as_a_table(run, ledger):
    """A line a group, the total below; nothing in a name reaches the terminal as a command."""
    code, told, _ = run("usage", "--ledger", str(ledger), "--by", "model")
    lines = [line.split() for line in told.splitlines()]
    assert (code, lines[0][:3]) == (0, ["model", "cost", "USD"])
    assert [line[:3] for line in lines[1:]] == [["=cmd()?", "0", "1"], ["fast", "0.0005568", "4"], ["total", "0.0005568", "5"]]
    _, told, _ = run("usage", "--ledger", str(ledger), "--by", "day,virtual_key", "--since", "2026-11-26")
    assert [line.split()[:3] for line in told.splitlines()[1:]] == [["2026-11-26", "team-a", "0.0001392"], ["total", "0.0001392", "1"]]
    _, told, _ = run("usage", "--ledger", str(ledger), "--by", "total", "--until", "2020-01-01")
    assert [line.split()[:3] for line in told.splitlines()[1:]] == [["total", "0", "0"]]


def test_usage_for_programs(run, ledger):
    """JSON as the admin API has it, and CSV in which no cell is a formula."""
    report = json.loads(run("usage", "--ledger", str(ledger), "--by", "virtual_key", "--json")[1])
    assert {row["virtual_key"]: row["requests"] for row in report["rows"]} == {"team-a": 4, "team-b": 1}
    assert report["total"]["requests"] == 5
    lines = list(csv.DictReader(io.StringIO(run("usage", "--ledger", str(ledger), "--by", "model", "--csv")[1])))
    assert [(line["model"], line["cost_usd"]) for line in lines] == [("'=cmd()\x07", "0"), ("fast", "0.0005568")]


@in_turn(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-0.5", "-0.5"),
        ("\tfast", "'\tfast"),
        ("\n=1", "'\n'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("a;=1", "a;'=1"),
        ("a\t@b|-c", "a\t'@b|'-c"),
        ("a=b;c-d", "a=b;c-d"),
    ],
)
def test_no_part_of_a_name_is_a_formula(name, cell):
    """Where a semicolon separates cells, half of a name is one, whatever quotes stand around it."""
    [line] = csv.DictReader(io.StringIO(requests_csv([replace(request_row(1), model=name)]), newline=""))
    assert line["model"] == cell


def test_requests_as_a_table_and_for_programs(run, ledger):
    """Filtered, paged, with a hint at the next page."""
    code, told, _ = run("requests", "--ledger", str(ledger), "--limit", "2")
    assert code == 0
    assert [line.split()[0] for line in told.splitlines()[1:3]] == [request_id(5), request_id(4)]
    assert told.splitlines()[-1] == f"There are more: --before {request_id(4)}"
    page = json.loads(run("requests", "--ledger", str(ledger), "--json", "--before", request_id(4), "--virtual-key", "team-a")[1])
    assert ([row["request_id"] for row in page["requests"]], page["next"]) == ([request_id(3), request_id(1)], None)
    [lossy] = csv.DictReader(io.StringIO(run("requests", "--ledger", str(ledger), "--lossy", "--csv")[1]))
    assert (lossy["request_id"], json.loads(lossy["loss"])[0]["kind"]) == (request_id(4), "dropped")
    assert run("requests", "--ledger", str(ledger), "--status", "200", "--min-cost-usd", "1")[1].count("\n") == 1


def test_a_ledger_that_is_not_there_is_told_with_its_whole_path(run, tmp_path, monkeypatch):
    """A relative one is looked for where the command runs, which is not where the gateway does."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(CONFIG.format(url="sqlite:///omnillm.db"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, error = run("usage", "-c", str(config))
    assert (code, error) == (1, f"omnillm: the ledger {tmp_path}/elsewhere/omnillm.db cannot be read: No such file or directory\n")


@pytest.mark.parametrize("command", ["usage", "requests", "verify"])
def test_a_report_without_a_configuration_is_told_of_the_other_way(run, tmp_path, command):
    """Whoever is on call need not have the variables of the service."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(CONFIG.format(url="${DATABASE}"))
    code, _, error = run(command, "-c", str(config))
    assert code == 2
    assert "needs the environment variable DATABASE" in error
    assert error.endswith("\n--ledger FILE_OR_URL reads a ledger without a configuration\n")


@pytest.mark.parametrize("command", ["usage", "requests", "verify", "check", "serve"])
def test_a_sqlite_that_is_too_old_is_told_by_every_command(run, ledger, tmp_path, monkeypatch, command):
    """Whoever opens the file, and whoever only looks whether it could be."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    config = tmp_path / "omnillm.yaml"
    config.write_text(f"server: {{auth: none, port: 0}}\n{CONFIG.format(url=f'sqlite:///{ledger}')}")
    code, told, error = run(command, "-c", str(config))
    assert (code, told) == (2, "")
    assert "store.url: a ledger in a file needs SQLite 3.38.0 or newer, and this Python has 3.37.2" in error


def test_a_name_that_the_terminal_has_no_letters_for_is_shown_all_the_same(tmp_path, monkeypatch):
    """A table says it with escapes, and what is for programs is UTF-8 whatever the terminal takes."""
    path = tmp_path / "omnillm.db"
    tagged = Posting(request=replace(request_row(1, cost=0), tags="team=\u6e56", attempts=0, cost_nanousd=0))

    async def fill_tagged() -> None:
        store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
        await store.open()
        store.post(tagged)
        await store.aclose()

    asyncio.run(fill_tagged())
    for option, told in ((), "\\u6e56  "), (("--csv",), "\u6e56,"), (("--json",), '"\u6e56"'):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "argv", ["omnillm", "usage", "--ledger", str(path), "--by", "tag:team", *option])
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", terminal := io.TextIOWrapper(written, encoding="latin-1"))
            with pytest.raises(SystemExit) as ended:
                main()
                sys.exit(0)
            terminal.flush()
        assert not ended.value.code
        assert told in written.getvalue().decode()


def test_one_request_opens_up(run, ledger):
    """With attempts and movements; one that is not there is exit code 1."""
    opened = json.loads(run("requests", request_id(1), "--ledger", str(ledger))[1])
    assert (opened["request"]["cost_usd"], opened["attempts"][0]["attempt"], opened["entries"][0]["budget"]) == ("0.0001392", 0, "team")
    code, _, error = run("requests", "f" * 32, "--ledger", str(ledger))
    assert (code, error) == (1, f"omnillm: there is no request '{'f' * 32}'\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("usage", "--by", "colour"), "usage is grouped by day, virtual_key"),
        (("usage", "--since", "yesterday"), "must be days"),
        (("usage", "--since", "2026-11-30", "--until", "2026-11-29"), "until must not be before since"),
        (("requests", "--since", "2026-11-30T08:00:00Z", "--until", "2026-11-29"), "until must not be before since"),
        (("requests", "--status", "x"), "status must be"),
        (("requests", "--limit", "0"), "limit must be"),
        (("requests", "--before", "zz"), "before must be"),
    ],
)
def test_wrong_questions_are_refused(run, ledger, arguments, words):
    """With what would be right, and exit code 1."""
    code, _, error = run(*arguments, "--ledger", str(ledger))
    assert code == 1
    assert words in error


def test_verify_proves_a_closed_ledger_and_an_open_one(run, ledger):
    """Of one that a gateway holds too, with calls under way; the file stays as it was."""
    code, told, _ = run("verify", "--ledger", str(ledger))
    assert (code, told) == (0, f"proven: 5 requests, 4 attempts, 4 entries, 1 balances; {NOT_AT_HAND}\n")

    async def beside() -> None:
        store = SqliteStore(ledger, clock=ManualClock(wall=WALL_S))
        opened = await store.open()
        await store.post_durably(Posting(entries=(replace(entry(9, EntryKind.RESERVE), epoch=opened.epoch),)))
        told = await asyncio.to_thread(run, "verify", "--ledger", str(ledger))
        assert told[:2] == (0, f"proven: 5 requests, 4 attempts, 5 entries, 1 balances; {NOT_AT_HAND}\n")
        assert (await asyncio.to_thread(run, "usage", "--ledger", str(ledger)))[0] == 0
        await store.aclose()

    asyncio.run(beside())


def test_ledger_may_be_named_by_its_url(run, ledger):
    """As `store.url` says it; whoever is told that nobody answers there is told no password."""
    assert run("verify", "--ledger", f"sqlite:///{ledger}")[:2] == run("verify", "--ledger", str(ledger))[:2]
    code, _, error = run("verify", "--ledger", "postgresql://canary-user-1:canary-word-1@127.0.0.1:1/books")
    assert code == 1
    assert "the ledger postgresql://127.0.0.1:1/books cannot be read" in error
    assert "canary" not in error


def test_verify_tells_how_many_costs_are_not_of_one_price_and_one_usage(run, ledger):
    """A batch when it is made and when it is settled, and a call whose process was killed."""
    with sqlite3.connect(ledger) as db:
        for number, operation in ((1, "batches"), (2, "batch_settlement")):
            db.execute("UPDATE requests SET operation = ? WHERE request_id = ?", (operation, request_id(number)))
        db.execute("UPDATE attempts SET error = 'process_lost' WHERE request_id = ?", (request_id(3),))
    db.close()
    told = run("verify", "--ledger", str(ledger))[1]
    apart = "1 not: their prices are not at hand, 3 not: of batches, sessions by the turn, or lost processes"
    assert told.endswith(f"; 0 costs computed again, {apart}\n")


def test_verify_tells_each_problem(run, ledger):
    """One line each, exit code 1. A request that has no row because it holds a reservation is no problem of its attempts."""
    one, two, three, five = (request_id(number) for number in (1, 2, 3, 5))
    put = "INSERT INTO entries (request_id, attempt, kind, budget, period, amount_nanousd, is_estimated, wall_ms, epoch)"
    with sqlite3.connect(ledger) as db:
        db.execute("UPDATE balances SET settled_nanousd = 1")
        db.execute("DELETE FROM attempts WHERE request_id = ?", (one,))
        db.execute(f"{put} VALUES (?, 0, 2, 'team', '2026-11', 7, 0, 0, 1)", (two,))
        db.execute("UPDATE entries SET amount_nanousd = 8 WHERE request_id = ? AND kind = 1", (two,))
        db.execute("UPDATE entries SET amount_nanousd = amount_nanousd - 5 WHERE request_id = ? AND kind = 1", (one,))
        for settled in (one, two):
            db.execute(f"{put} VALUES (?, 1, 1, 'team', '2026-11', 5, 0, 0, 1)", (settled,))
        db.execute("UPDATE attempts SET cost_nanousd = 9 WHERE request_id = ?", (two,))
        db.execute("CREATE TEMP TABLE again AS SELECT * FROM attempts WHERE request_id = ?", (two,))
        db.execute("UPDATE again SET attempt = 1")
        db.execute("INSERT INTO attempts SELECT * FROM again")
        db.execute("UPDATE requests SET attempts = 2 WHERE request_id = ?", (two,))
        db.execute(f"{put} VALUES (?, 0, 0, 'other', '2026-11', 900, 0, 0, 1)", (three,))
        for other, attempt in ((two, 0), (three, 1)):  # neither closes the one before
            db.execute(f"{put} VALUES (?, ?, 2, 'other', '2026-11', 900, 0, 0, 1)", (other, attempt))
        db.execute(f"{put} VALUES (?, 0, 0, 'team', '2026-11', 900, 0, 0, 1)", (five,))
        db.execute("DELETE FROM requests WHERE request_id IN (?, ?)", (three, five))
    db.close()
    code, told, _ = run("verify", "--ledger", str(ledger))
    assert code == 1
    assert [line for line in told.splitlines() if not line.startswith("usage")] == [
        f"request {two}, attempt 0, budget 'team': both settled and given back",
        f"request {three}, attempt 0, budget 'other': 900 nano-USD are still reserved by a run that has ended",
        f"request {two} cost {COST} nano-USD, but 13 were settled to budget 'team'",
        f"request {five}: attempt 0 has a row, the request has none and holds no reservation",
        f"request {one} says 1 attempts, 0 have rows",
        f"request {one} cost {COST} nano-USD, its attempts 0",
        f"request {two} cost {COST} nano-USD, its attempts 18",
        f"budget 'team' in period '2026-11': the balance says 1 nano-USD, its entries {3 * COST + 13}",
    ]


def test_verify_computes_each_cost_again(run, ledger, tmp_path):
    """From the version of its price and its usage, by the configuration's prices too: a row that was changed by hand is found."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(CONFIG.format(url=f"sqlite:///{ledger}") + OWN)
    catalog = make_catalog(load(config, {}))
    price = catalog.find("openai", "openai", "own")
    assert price is not None
    listed = f"{catalog.price_list.version}:openai/gpt-4.1-mini"
    told_behind = bound_behind(call(1).attempts[0].usage, 12, price)
    rows = {
        1: (f"{price.version};bound=told+12", told_behind),
        2: (price.version, COST),
        3: (f"{price.version};bound=300+12+0", COST),
        5: (listed, 300 * 400 + 20 * 100 + 19 * 1600),
    }
    with sqlite3.connect(ledger) as db:
        for number, (version, cost) in rows.items():
            db.execute("UPDATE attempts SET price_version = ?, cost_nanousd = ? WHERE request_id = ?", (version, cost, request_id(number)))
        db.execute("UPDATE attempts SET is_usage_known = 0 WHERE request_id IN (?, ?)", (request_id(1), request_id(3)))
    db.close()
    told = run("verify", "-c", str(config))[1].splitlines()
    assert not [line for line in told if "its usage" in line or "a usage" in line]
    with sqlite3.connect(ledger) as db:
        db.execute('UPDATE attempts SET usage = \'{"input":"many"}\' WHERE request_id = ?', (request_id(5),))
    db.close()
    assert f"request {request_id(5)}, attempt 0: has a usage that is none" in run("verify", "-c", str(config))[1].splitlines()
    with sqlite3.connect(ledger) as db:
        db.execute("UPDATE attempts SET cost_nanousd = cost_nanousd - 1 WHERE request_id = ?", (request_id(2),))
        db.execute("UPDATE attempts SET usage = '{\"input\":299}' WHERE request_id = ?", (request_id(5),))
        db.execute("UPDATE attempts SET price_version = '' WHERE request_id = ?", (request_id(1),))
        torn = f"{price.version};bound=1+2+3+4+5+6+7+8"
        db.execute("UPDATE attempts SET price_version = ? WHERE request_id = ?", (torn, request_id(3)))
    db.close()
    code, told, _ = run("verify", "-c", str(config))
    assert code == 1
    assert [line for line in told.splitlines() if "attempt 0: cost" in line or "attempt 0: has" in line] == [
        f"request {request_id(1)}, attempt 0: cost {told_behind} nano-USD, without a price it is 0",
        f"request {request_id(2)}, attempt 0: cost {COST - 1} nano-USD, by '{price.version}' and its usage it is {COST}",
        f"request {request_id(3)}, attempt 0: has a price version that is none: '{torn}'",
        f"request {request_id(5)}, attempt 0: cost {rows[5][1]} nano-USD, by '{listed}' and its usage it is {299 * 400}",
    ]


def test_verify_reads_what_a_session_by_the_turn_has_cost(run, ledger, tmp_path):
    """Its row does not tell all that was paid, but how little it cannot have been; its usage and its version are read as every other's."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(CONFIG.format(url=f"sqlite:///{ledger}") + OWN)
    price = make_catalog(load(config, {})).find("openai", "openai", "own")
    assert price is not None
    version = f"{price.version};metered"
    rows = {1: (version, COST, {"input": 1}), 2: (version, COST, {"input": 10**6}), 3: ("own;metered", COST, {}), 5: (version, COST, [])}
    with sqlite3.connect(ledger) as db:
        for number, (told_version, cost, usage) in rows.items():
            row = (told_version, cost, json.dumps(usage), request_id(number))
            db.execute("UPDATE attempts SET price_version = ?, cost_nanousd = ?, usage = ? WHERE request_id = ?", row)
    db.close()
    told = run("verify", "-c", str(config))[1].splitlines()
    assert [line for line in told if "attempt 0" in line] == [
        f"request {request_id(2)}, attempt 0: cost {COST} nano-USD, by '{version}' and its usage it is at least {400 * 10**6}",
        f"request {request_id(3)}, attempt 0: has a price version that is none: 'own;metered'",
        f"request {request_id(5)}, attempt 0: has a usage that is none",
    ]


def test_what_is_no_ledger_is_told(run, ledger, tmp_path):
    """Missing, torn, somebody else's, or of another version: a message, never a traceback."""
    missing = tmp_path / "none.db"
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    db.close()
    newer = fill(tmp_path / "newer.db")
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    torn = fill(tmp_path / "torn.db")
    torn.write_bytes(torn.read_bytes()[:8192] + b"\xff" * (torn.stat().st_size - 8192))
    for path, code, words in (
        (missing, 1, f"the ledger {missing} cannot be read: No such file or directory"),
        (tmp_path, 1, f"the ledger {tmp_path} cannot be read: Is a directory"),
        (other, 2, "is not a ledger of omnillm"),
        (newer, 2, "has schema 99"),
        (torn, 1, "cannot be read"),
    ):
        told = run("verify", "--ledger", str(path))
        assert (told[0], words in told[2]) == (code, True), told
    assert not missing.exists()


@pytest.fixture
def schema(postgres):
    """With the same calls in it."""
    name = postgres.schema()
    asyncio.run(fill_store(PostgresStore(postgres.url(name), clock=ManualClock(wall=WALL_S))))
    return name


def test_a_ledger_in_postgres_is_read_as_one_in_a_file(run, ledger, tmp_path, postgres, schema):
    """Through the configuration: the same tables, lists and proof, beside a gateway that runs; the problems too."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(CONFIG.format(url=postgres.url(schema).reveal()))
    for question in (("usage", "--by", "day,virtual_key"), ("requests", "--csv"), ("requests", request_id(1)), ("verify",)):
        assert run(*question, "-c", str(config)) == run(*question, "--ledger", str(ledger))
    postgres.administer("UPDATE balances SET settled_nanousd = 1", schema)
    code, told, _ = run("verify", "-c", str(config))
    assert (code, told) == (1, f"budget 'team' in period '2026-11': the balance says 1 nano-USD, its entries {4 * COST}\n")


def test_what_is_no_ledger_in_postgres_is_told(run, tmp_path, postgres, schema):
    """Empty, of another version, or behind a password: a message with what to do, never a traceback or the password."""
    config = tmp_path / "omnillm.yaml"
    postgres.administer("UPDATE ledger_schema SET version = 99", schema)
    for url, code, words in (
        (postgres.url(postgres.schema()), 2, "holds no ledger of omnillm"),
        (postgres.url(schema), 2, "has schema 99"),
        (postgres.url(schema, user=GUARDED, password="canary-wrong-1"), 2, "correct the user and the password"),
        (postgres.url(schema, database="nowhere"), 2, "create the database"),
        (postgres.url(schema, host=tmp_path), 1, "cannot be read"),
    ):
        config.write_text(CONFIG.format(url=url.reveal()))
        told = run("verify", "-c", str(config))
        assert (told[0], words in told[2], "canary" in told[2]) == (code, True, False), told
        assert "store postgresql, durability" in run("check", "-c", str(config))[1]
    config.write_text(CONFIG.format(url="postgresql://user:canary/rest-1@host/db"))
    code, _, error = run("check", "-c", str(config))
    assert (code, "special characters in the password" in error, "canary" in error) == (2, True, False)


def test_the_ledger_is_found_through_the_configuration(run, ledger, tmp_path):
    """By `store.url`; one in memory is another process's own."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(CONFIG.format(url=f"sqlite:///{ledger}"))
    assert run("verify", "-c", str(config))[0] == 0
    config.write_text(CONFIG.format(url="memory://"))
    code, _, error = run("usage", "-c", str(config))
    assert (code, "ask the running gateway" in error) == (2, True)
