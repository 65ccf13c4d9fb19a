"""One line a call, whatever a caller called its model."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.in_turn import in_turn

from omnillm.records import RequestRow
from omnillm.server.logs.call_log import WRITTEN_BYTES, CallLog, timestamp
from omnillm.usage import Usage

ROW = RequestRow(
    request_id="01a210d73e56a54404b3a59d7201f18f",
    wall_ms=1_795_578_871_009,
    day="2026-11-25",
    duration_ms=412,
    caller="team-a",
    protocol="openai_chat",
    operation="generate",
    model="fast",
    provider="openai",
    upstream_model="gpt-4.1-mini",
    key="prod-1",
    status=200,
    outcome="success",
    is_stream=True,
    attempts=2,
    usage=Usage(input=12, cache_read=3, output=30, reasoning=4),
    cost_nanousd=1_234_500,
    is_estimated=False,
    tags="cost_center=a1",
    session="",
    loss="",
    epoch=1,
)


class Full(BytesIO):
    """A disk without room, until there is some."""

    is_full = True

    def write(self, piece) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(piece)


def lines(*rows: RequestRow, is_json: bool = False) -> list[bytes]:
    stream = BytesIO()
    log = CallLog(stream, is_json=is_json)
    log.observe(rows)
    log.close()
    assert stream.getvalue().endswith(b"\n")
    return stream.getvalue()[:-1].split(b"\n")


def test_a_line_for_people() -> None:
    """When, which, how it ended, who, what, where, with which key, how often, how long, how much."""
    [line] = lines(ROW)
    assert line == (
        b"2026-11-25T03:54:31.009Z call 01a210d73e56a54404b3a59d7201f18f status=200 outcome=success caller=team-a model=fast "
        b"provider=openai key=prod-1 attempts=2 ms=412 tokens=15+34 cost_usd=0.0012345"
    )


def test_a_line_for_programs() -> None:
    """The same as an object, money as a decimal string."""
    [line] = lines(ROW, is_json=True)
    assert json.loads(line) == {
        "time": "2026-11-25T03:54:31.009Z",
        "event": "call",
        "request_id": "01a210d73e56a54404b3a59d7201f18f",
        "status": 200,
        "outcome": "success",
        "caller": "team-a",
        "protocol": "openai_chat",
        "model": "fast",
        "provider": "openai",
        "upstream_model": "gpt-4.1-mini",
        "key": "prod-1",
        "stream": True,
        "attempts": 2,
        "ms": 412,
        "prompt_tokens": 15,
        "completion_tokens": 34,
        "cost_usd": "0.0012345",
        "tags": "cost_center=a1",
    }
    assert timestamp(82_800_000) == "1970-01-01T23:00:00.000Z"


def test_what_is_not_there_is_a_dash() -> None:
    """Nobody called, and nobody answered."""
    [line] = lines(replace(ROW, caller="", provider="", key="", model=""))
    assert b"caller=- model=- provider=- key=- " in line


@in_turn("name", ["a b", 'a"b', "a\nstatus=200", "a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\x85b", "é", "\x00", "a\u009bb", "👍"])
def test_a_model_cannot_forge_a_line(name: str) -> None:
    """Blanks, line breaks of every kind and a terminal's escapes stand quoted and escaped."""
    [line] = lines(replace(ROW, model=name))
    assert len(line.decode("ascii").splitlines()) == 1
    quoted = line.partition(b"model=")[2].partition(b" provider=")[0]
    assert json.loads(quoted) == name


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_stays_on_one_line(model: str, tags: str) -> None:
    """In both formats."""
    row = replace(ROW, model=model, tags=tags)
    assert len(lines(row)) == 1
    assert json.loads(lines(row, is_json=True)[0])["model"] == model


def test_lines_are_gathered() -> None:
    """Nothing is written before the tick, or until a good deal has come together."""
    stream = BytesIO()
    log = CallLog(stream, is_json=False)
    for _ in range(3):
        log.observe([ROW, ROW])
    assert (stream.getvalue(), log._lines) == (b"", 6)
    log.close()
    assert stream.getvalue().count(b"\n") == 6


def test_many_lines_wait_for_no_tick() -> None:
    """Beyond so many bytes they are handed over, and every call has its line."""
    stream = BytesIO()
    log = CallLog(stream, is_json=False)
    calls = WRITTEN_BYTES // 100
    for _ in range(calls):
        log.observe([ROW])
    assert len(log._text) < WRITTEN_BYTES
    log.close()
    assert stream.getvalue().count(b"\n") == calls


def test_a_full_disk_costs_lines_and_no_call(caplog: pytest.LogCaptureFixture) -> None:
    """It is told once; when there is room again the lines go on."""
    stream = Full()
    log = CallLog(stream, is_json=False)
    for _ in range(3):
        log.observe([ROW])
        log.close()
    assert caplog.text.count("the call log is not written: No space left on device") == 1
    assert log.dropped == 3
    stream.is_full = False
    log.observe([ROW])
    log.close()
    assert stream.getvalue().count(b"\n") == 1
    assert log.dropped == 3
    stream.is_full = True
    log.observe([ROW])
    log.close()
    assert caplog.text.count("the call log is not written") == 2, "another time is told anew"
