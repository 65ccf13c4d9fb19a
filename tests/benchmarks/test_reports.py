"""What the benchmarks make of their figures."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.gateway import Setup, key_of, write_config
from benchmarks.plot import write_plot
from benchmarks.workloads import WORKLOADS
from tests.in_turn import in_turn

from benchmarks import guard, instructions, open_loop
from omnillm.config.load import load


def test_quantiles_are_of_all_calls() -> None:
    """In microseconds; the largest of them stands for the last."""
    assert open_loop.quantiles([number / 1000 for number in range(1, 1001)]) == {
        "p50": 501_000,
        "p90": 901_000,
        "p99": 991_000,
        "p99.9": 1_000_000,
    }


@pytest.mark.parametrize(("now", "is_well"), [(1000, True), (1049, True), (1051, False), (10, True)])
def test_more_instructions_than_the_table_allows_fail(now: int, is_well: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Five per cent more are too many, fewer are not; a part that the table does not know is new."""
    assert instructions.compared({"head": now, "other": 5}, {"head": 1000}) is is_well
    assert ("TOO MUCH" in capsys.readouterr().out) is not is_well


def test_table_of_instructions_names_every_part() -> None:
    """So that none is left uncompared."""
    assert json.loads(instructions.TABLE.read_text())["instructions"].keys() == WORKLOADS.keys()


@in_turn("name", WORKLOADS)
def test_every_part_can_be_repeated(name: str) -> None:
    """Its act leaves things as they were, but for what it counts."""
    act = WORKLOADS[name]()
    for _ in range(3):
        act()


@pytest.mark.parametrize(("found", "is_well"), [(0.110, True), (0.086, True), (0.084, False)])
def test_guard_fails_fifteen_per_cent_below(tmp_path: Path, found: float, is_well: bool) -> None:
    """By the ratio of CPU a request."""
    kept = tmp_path / "guard.json"
    kept.write_text('{"cpu_ratio": 0.1}')
    assert guard.is_well({"case": "one", "cpu_ratio": found}, kept) is is_well


def test_plot_has_a_bar_for_every_ratio_to_nginx(tmp_path: Path) -> None:
    """Well-formed, with names escaped."""
    rows = [
        {"case": "a <b>", "yardstick_rps": 2.0, "cpu_ratio": 0.5},
        {"case": "start", "seconds": 1},
        {"case": "x, to litellm", "yardstick_rps": 1.0, "cpu_ratio": 90.0},
    ]
    write_plot({"date": "2026-11-28", "rows": rows}, tmp_path / "plot.svg")
    root = ET.parse(tmp_path / "plot.svg").getroot()
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == 1


@pytest.mark.parametrize("setup", [Setup(), Setup(durability="memory", keys=1000, callers=100)])
def test_gateway_is_benched_with_a_configuration_that_it_takes(tmp_path: Path, setup: Setup) -> None:
    """Each virtual key has limits, and a budget binds all."""
    config = load(write_config(tmp_path, setup, port=4000, mock=4001), {})
    assert len(config.virtual_keys) == setup.callers
    assert len({key_of(number) for number in range(setup.callers)}) == setup.callers
