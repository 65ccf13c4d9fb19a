"""What holds at the end of every situation, whatever happened in it."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import msgspec
from tests.compositions.asking import GENERATED, LIVE, NATIVE
from tests.compositions.clients import Heard
from tests.compositions.configured import PROVIDERS, secrets_of
from tests.compositions.paid import NUMBER, REPLAY, Paid, number_in, number_of, numbers_of
from tests.compositions.situation import Books, Situation
from tests.leaving.held import check_rest

from omnillm.assemble import Program
from omnillm.gateway.budgets.periods import bucket_of
from omnillm.money import parse_usd
from omnillm.pricing.reference import Reference
from omnillm.records import Entry, EntryKind, RequestRow
from omnillm.stores.costs import Row, check_costs
from omnillm.stores.orphans import OUTCOME
from omnillm.testing.log import Logged

METRIC: Final = re.compile(r"^(omnillm_\w+)\{.*\} (\S+)$", re.MULTILINE)
SECRET: Final = re.compile(rb"(?<![\w-])(?:sk|admin)-[A-Za-z0-9_-]{2,}|canary-pepper-\d+")
SHORT_MINUTE_S: Final = 59.0
"""A request may be on its way for a while."""
LEASED_S: Final = 0.5
"""What was leased before a reload may be sent after it."""
DAY_S: Final = 86_400
PROMPT: Final = re.compile(rb"canary-prompt-\d+")


async def prove(it: Situation) -> None:
    """Of the epochs that its ledger knows."""
    async with it.books() as books:
        program = books.program
        await check_rest(program)  # idle connections of a provider end with time
        problems = [*await program.store.verify(), *await wrong_costs(books)]
        problems += list(_told_wrongly(it, books.rows))
        problems += [each async for each in Paid(it, books).problems()]
        problems += [*_too_much(it, program), *_too_often(it)]
        problems += [each async for each in _wrong_sums(it, books)]
        problems += list(_done_twice(it, books.rows))
        if it.first["retention"] == "long":
            problems += [each async for each in _forgotten(it, books)]
    assert not problems, "\n".join(problems[:20])


async def wrong_costs(books: Books) -> list[str]:
    """Attempts that did not cost what their price version and their usage say."""
    store, rows = books.program.store, list[Row]()
    for request in books.rows:
        for each in await store.attempts(request.request_id):
            version, usage = each.price_version, msgspec.json.encode(each.usage)
            told = (each.is_usage_known, each.cost_nanousd, version, each.error, request.operation)
            rows.append((each.request_id, each.attempt, usage, *told))
    return check_costs(rows, Reference(books.program.settlement.quoter.prices.catalog.figures)).problems


def prove_told(it: Situation) -> None:
    """Behind its end: no secret, and no prompt, in what was written anywhere."""
    files = [path.read_bytes() for path in it.path.glob("ledger.db*")]
    for text in (*it.told, *files):
        found = SECRET.search(text)
        assert found is None, f"a secret was told: {found and found[0]} in {text[max(0, found.start() - 80) : found.end() + 20]!r}"
    assert PROMPT.search(it.log.getvalue()) is None


# What clients were told


def _told_wrongly(it: Situation, rows: list[RequestRow]) -> Iterator[str]:
    whose = {heard.asked.number: heard.asked.caller for heard in it.heard}
    known, told = {row.request_id: row for row in rows}, numbers_of(it)
    for heard in it.heard:
        if heard.reply is not None:
            for problem in _wrong_reply(heard, whose):
                yield f"call {heard.asked.number} {dict(heard.asked.choice)}: {problem}: {heard.reply.status} {heard.reply.body[:600]!r}"
            row = known.get(heard.reply.headers.get("x-omnillm-request-id", ""))
            if row is not None and REPLAY not in heard.reply.headers:
                for problem in _unlike(heard, row, told):
                    yield f"call {heard.asked.number} {dict(heard.asked.choice)}: {problem}: {heard.reply.status} {heard.reply.body[-600:]!r} {row}"


def _wrong_reply(heard: Heard, whose: Mapping[int, str]) -> Iterator[str]:
    reply, asked = heard.reply, heard.asked
    assert reply is not None
    if not reply.status and heard.is_new and heard.event != "restart" and asked.choice["connection"] != "piped":
        yield "nothing"
    if reply.status == 500 or b"internal_error" in reply.body:
        yield "a defect"
    if reply.status in {401, 403} and asked.caller and not asked.caller.startswith("made"):
        yield "blamed for what is not the caller's"
    if reply.status >= 400 and reply.body:
        try:
            assert reply.error["message"]
        except (KeyError, AssertionError, ValueError, TypeError) as error:
            yield f"an error that is none of its protocol ({error!r})"
    if reply.status and asked.kind not in {"models", "list"} and "x-omnillm-request-id" not in reply.headers:
        yield "no request id"
    if asked.kind in GENERATED and reply.status == 200 and reply.is_whole and not reply.is_answer:
        try:
            assert reply.error
        except (KeyError, AssertionError, ValueError, TypeError, IndexError) as error:
            yield f"neither an answer nor an error ({error!r})"
    if asked.kind != "speech":
        others = {int(found) for found in NUMBER.findall(reply.body)} - {asked.words_number}
        if others and not (asked.kind == "list" and all(whose.get(other) == asked.caller for other in others)):
            yield f"the words of {others}"


def _unlike(heard: Heard, row: RequestRow, told: dict[str, int]) -> Iterator[str]:
    """Client and ledger do not agree."""
    reply, asked = heard.reply, heard.asked
    assert reply is not None
    if asked.kind in GENERATED:
        if reply.is_answer != (row.outcome == "success"):
            yield f"is_answer {reply.is_answer}, outcome {row.outcome}"
    elif asked.kind not in LIVE and (reply.status == 200 and reply.is_whole and b'"error":{' not in reply.body[-600:]) != (
        row.outcome == "success"
    ):
        yield f"{reply.status} whole {reply.is_whole}, outcome {row.outcome}"
    fields = reply.headers
    if "x-omnillm-provider" in fields:
        named = (fields["x-omnillm-provider"], fields["x-omnillm-key"], fields.get("x-omnillm-model", ""))
        if named != (row.provider, row.key, row.upstream_model) and asked.kind not in NATIVE:
            yield f"told {named}"
    if "x-omnillm-attempts" in fields and int(fields["x-omnillm-attempts"]) != row.attempts:
        yield f"told {fields['x-omnillm-attempts']} attempts"
    if "x-omnillm-cost-usd" in fields and parse_usd(fields["x-omnillm-cost-usd"]) != row.cost_nanousd:
        yield f"told that it cost {fields['x-omnillm-cost-usd']}"
    if reply.status == 429 and not int(fields.get("retry-after-ms", "0")) > 0:
        yield "limited, and not told for how long"
    if reply.status >= 500 and row.attempts and fields.get("x-should-retry") != "false":
        yield "told to repeat what was repeated"
    if number_in(row, told) != asked.number:
        yield "another call's row"
    if row.caller != asked.caller:
        yield "another caller's row"


async def _wrong_sums(it: Situation, books: Books) -> AsyncIterator[str]:
    """Budgets, reports, counters and the call log tell the same as the rows."""
    rows = books.rows
    total = sum(row.cost_nanousd for row in rows)
    usage = await books.program.store.usage(group_by="total", since_day="", until_day="")
    if usage and not it.forgets and usage[0].cost_nanousd != total:
        yield f"the report says {usage[0].cost_nanousd} of {usage[0].requests}, the rows {total} of {len(rows)}"
    mine = [row for row in rows if row.epoch == books.epoch and row.outcome != OUTCOME]
    sums: defaultdict[str, float] = defaultdict(float)
    for name, value in METRIC.findall(books.metrics):
        sums[name] += float(value)
    tokens = sum(row.usage.total_tokens for row in mine)
    for name, value in (
        ("calls_total", len(mine)),
        ("attempts_total", sum(row.attempts for row in mine)),
        ("cost_usd_total", sum(row.cost_nanousd for row in mine) / 1e9),
        ("tokens_total", tokens),
        ("key_in_flight", 0),
        ("budget_held_usd", 0),
    ):
        if abs(sums[f"omnillm_{name}"] - value) > 1e-9 and not it.forgets:
            yield f"/metrics says {name} is {sums[f'omnillm_{name}']}, the ledger {value}"
    logged = Counter(_ids(books.log, is_json=it.first["log"] == "json"))
    if logged != Counter(row.request_id for row in mine) and not it.forgets:
        missing = [row for row in mine if row.request_id not in logged]
        yield f"the call log has {logged.total()} lines, the ledger {len(mine)} rows: {missing[:2]}"


def _ids(text: str, *, is_json: bool) -> Iterator[str]:
    for line in text.splitlines():
        yield json.loads(line)["request_id"] if is_json else line.split(" ")[2]


# Limits


def _too_much(it: Situation, program: Program) -> Iterator[str]:
    """Hard budgets, by what was settled."""
    for budget in program.controller.budgets():
        if budget.name in it.bound and budget.settled_nanousd > budget.limit_nanousd:
            yield f"{budget} is exceeded"


def _too_often(it: Situation) -> Iterator[str]:
    """Requests of a key, or of a group of keys, in a minute, as their provider saw them."""
    rpm = {"tight": 6, "by model": 5}.get(it.chosen["rpm"])
    if rpm is None:
        return
    places = {secret: (name, place) for name in PROVIDERS for place, secret in enumerate(secrets_of(name))}
    arrived: defaultdict[tuple[str, int], list[tuple[float, Logged]]] = defaultdict(list)
    for each in it.fake.log[it.limited_since :]:
        if not each.status and each.fault.endswith(("_before_head", "lost_reply")):
            continue  # of a kept connection that died so nobody can say whether it arrived: it is sent again under the same lease
        if it.chosen["rpm"] == "tight" or each.model.startswith("fake-"):
            name, place = places[each.key]
            arrived[(name, place // 3 if it.chosen["group"] == "shared" else place)].append((each.arrived_at, each))
    for key, theirs in arrived.items():
        for place, (first, last) in enumerate(zip(theirs, theirs[rpm:], strict=False)):
            if last[0] - first[0] < SHORT_MINUTE_S and last[0] > it.grouped_at + LEASED_S:
                seen = [(at, each.path, each.model, each.status, number_of(each)) for at, each in theirs[place : place + rpm + 1]]
                yield f"{key} had {rpm + 1} requests in {last[0] - first[0]} s: {seen}"


# Repetitions


def _done_twice(it: Situation, rows: list[RequestRow]) -> Iterator[str]:
    """Of the calls with one idempotency key at most one may have been billed, and what is told again is what was told."""
    is_in_memory_alone = it.first["when_down"] == "allow" and {"outage", "restart"} <= {*it.happened}
    if it.clock.ahead_s > DAY_S or is_in_memory_alone:
        return  # keys are forgotten
    told = numbers_of(it)
    by_number = {number_in(row, told): row for row in rows}
    groups: defaultdict[tuple[str, ...], list[Heard]] = defaultdict(list)
    for heard in it.heard:
        asked = heard.asked
        if asked.idempotency_key and asked.kind in GENERATED and asked.choice["path"] != "provider":
            model = (asked.choice["model"], asked.choice["is_stream"]) if asked.kind == "gemini" else ()
            groups[(asked.caller, asked.kind, asked.idempotency_key, *model)].append(heard)
    for key, theirs in groups.items():
        paid = [by_number[heard.asked.number] for heard in theirs if heard.asked.number in by_number]
        paid = [row for row in paid if row.cost_nanousd]
        if len(paid) > 1:
            yield f"{key} is paid {len(paid)} times: {paid}"
        replies = [heard.reply for heard in theirs if heard.reply is not None]
        first = {reply.headers.get("x-omnillm-request-id", ""): reply for reply in replies if REPLAY not in reply.headers}
        for reply in replies:
            name = reply.headers.get("x-omnillm-original-request-id", "")
            if REPLAY in reply.headers and name in first and (reply.status, reply.body) != (first[name].status, first[name].body):
                yield f"{key}: {reply} is not {first[name]}"
            if name and paid and name not in {row.request_id for row in paid}:
                yield f"{key}: {name} did not use it up: {reply} {paid}"


# What budgets remember


def _counts_from_ms(entry: Entry) -> float:
    """The moment from which a later run counts it: of an attempt that began long after its call was admitted, its first bucket's."""
    named = bucket_of(entry.period)
    return entry.wall_ms if named is None else min(entry.wall_ms, 1000 * (named[0].ends_wall + named[1]))


async def _forgotten(it: Situation, books: Books) -> AsyncIterator[str]:
    """What a budget has spent is what the ledger says of its period; of a rolling one at least what is younger than its window."""
    periods: defaultdict[tuple[str, str], int] = defaultdict(int)
    young: defaultdict[str, int] = defaultdict(int)
    old: defaultdict[str, int] = defaultdict(int)
    program = books.program
    now_ms = program.clock.wall() * 1000
    windows = {"everything": 3600, "key:first": 7200}
    for row in books.rows:
        for entry in await program.store.entries(row.request_id):
            if entry.kind in {EntryKind.SETTLE, EntryKind.ADJUST}:
                periods[(entry.budget, entry.period)] += entry.amount_nanousd
                old[entry.budget] += entry.amount_nanousd
                if _counts_from_ms(entry) > now_ms - 1000 * windows.get(entry.budget, 3600):
                    young[entry.budget] += entry.amount_nanousd
    for budget in program.controller.budgets():
        spent = budget.settled_nanousd
        if "rolling" in budget.period:
            if not min(young[budget.name], old[budget.name]) <= spent <= old[budget.name]:
                yield f"{budget}: the ledger says at least {young[budget.name]}, at most {old[budget.name]}"
        elif spent != periods[(budget.name, budget.period)]:
            yield f"{budget}: the ledger says {periods[(budget.name, budget.period)]}"
