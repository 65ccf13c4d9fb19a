"""The examples run as they stand: a program each, without key or network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SDK_IMPORT_S = 30
"""The SDKs' own imports take seconds on a cold disk."""
KEYLESS = {name: value for name, value in os.environ.items() if not re.search(r"_API_KEY(_\d+)?$", name)}
"""A key in the environment would make the calls real ones."""
EXPECTED = {
    "basic_usage": [
        r"^reply: You said: Say something kind about gateways\.",
        r"^key prod-2, 2 attempts, \d+ tokens, 0\.\d+ USD$",
        r"^stream: You said: Say something kind about gateways\.",
        r"^completed: \d+ tokens, 0\.\d+ USD$",
        r"^prod-1: dead, 1 of 500 requests in this minute$",
        r"^prod-2: ready, 2 of 500 requests in this minute$",
        r"^budget: 0\.\d+ USD used, 4\.\d+ USD left$",
    ],
    "primitive_call": [
        r"^chat +200, \d+ \+ \d+ tokens, \['choices', ",
        r"^responses 200, ",
        r"^refused +400 ",
        r"^messages +200, ",
        r"^counted +\{'input_tokens': \d+\}$",
        r"^gemini +200, \d+ \+ \d+ tokens, \['candidates', ",
    ],
    "primitive_stream": [
        r"^frame +message_start",
        r"^usage +\{\"input_tokens\":",
        r"^frame +message_stop",
        r"^completed +\d+ \+ 12 tokens$",
        r"^cut: upstream_lost, after 1 attempt: ",
    ],
    "sdk_through_server": [
        r"^openai, chat: +You said: ",
        r"^openai, responses: You said: ",
        r"^anthropic, stream: You said: ",
        r"^google-genai: +You said: ",
        r"^spent: [1-9]\d* nano-USD, held: 0$",
    ],
    "fake_provider": [
        r"^hidden faults: \[429, 500, 200\]$",
        r"^asked for in the prompt: 400 context_length_exceeded$",
        r"^every key dead: 503 \['dead', 'dead'\]$",
        r"^budget_exceeded after \d+ calls: spent (\d+) nano-USD, invoiced \1$",
    ],
}


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() | {path.stem for path in EXAMPLES.glob("*.py")}))
def test_an_example_runs_and_prints_what_it_says(name: str, tmp_path: Path) -> None:
    """It ends well, says nothing on standard error, prints its lines in order, and leaves no file behind."""
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        timeout=SDK_IMPORT_S,
        cwd=tmp_path,
        env=KEYLESS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout
    place = 0
    for pattern in EXPECTED.get(name, ()):
        found = re.compile(pattern, re.MULTILINE).search(run.stdout, place)
        assert found, f"{pattern!r} is not in what follows:\n{run.stdout[place:]}"
        place = found.end()
    assert not list(tmp_path.iterdir())
