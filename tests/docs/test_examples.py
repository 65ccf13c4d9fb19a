"""The examples run as they stand: a program each, without key or network."""

import re
from pathlib import Path

import pytest
from tests.docs.example_process import run_example
from tests.forks import FORKS

EXAMPLES = Path(__file__).parents[2] / "examples"
SDK_IMPORT_S = 50
"""The SDKs' own imports take seconds on a cold disk, or a busy machine."""
EXPECTED = {
    "canonical_call": [
        *[
            pattern
            for name in ("chat", "responses", "messages", "gemini")
            for pattern in (
                rf"^{name}:$",
                r"^  reply: You said: How deep is the lake\? .*\(stop, \d+ tokens\)$",
                r"^  stream: You said: How deep is the lake\? .*\([2-9] pieces\)$",
                r"^  calls:  depth_of\(\{\"lake\":\"heron\"\}\)$",
                r"^  then:  You said: ",
            )
        ]
    ],
    "multi_endpoint": [r"^openai answered after \d attempts: You said: How deep is the lake\?", r"^lost: nothing$"],
    "translate": [
        r"^request: \{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":4096,\"system\":\"Be brief\.\"",
        r"^  defaulted generation\.max_output_tokens: ",
        r"^  dropped generation\.seed: ",
        r"^reply: .*'content': '149 m\.'.*'finish_reason': 'stop'",
        r"^content_block_delta -> data: .*149 m\.",
        r"^data: \[DONE\]$",
        r"^error: 503 ",
        r"^refused: ",
        r"^canonical: Be brief\.$",
    ],
    "in_your_program": [
        r"^script:  You said: A word about scripts\.",
        r"^threads:\n  You said: A word about one thread\..*\n  You said: A word about another\.",
        r"^web:     You said: A word about lakes\.",
        r"^workers:\n  You said: A word about one process\..*\n  You said: A word about another\.",
    ],
    "prompt_cache": [
        r"^one key for both: True$",
        r"^anthropic marks: \[\{'type': 'text', 'text': 'An example question\.', 'cache_control': \{'type': 'ephemeral'\}\}\]$",
        r"^  dropped capabilities\.prompt_cache\.key: ",
        r"^gemini, required: ",
    ],
    "replay_fixture": [
        r"^url:     https://api\.openai\.com/v1/chat/completions\?api_key=<redacted:api_key>$",
        r"^header:  \('Authorization', '<redacted:authorization>'\)$",
        r'"url": "<redacted:url_blob>"',
        r"^reply:   A lake\.$",
    ],
    "live_demo": [r"^tool:   depth_of\(\{\"lake\":\"heron\"\}\)", r"^vision: an image at https://"],
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
    "primitive_async_job": [
        r"^openai    succeeded, made by key (one|two), listed: True$",
        r"^          \d+ bytes$",
        r"^          completed$",
        r"^anthropic succeeded, made by key (one|two), listed: True$",
        r"^          completed$",
        r"^gemini    succeeded, made by key (one|two), listed: True$",
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
    place, out, err = tmp_path / "place", tmp_path / "out", tmp_path / "err"
    place.mkdir()
    process = FORKS.Process(target=run_example, args=(EXAMPLES / f"{name}.py", place, out, err))
    process.start()
    process.join(SDK_IMPORT_S)
    is_late = process.is_alive()
    process.kill()
    process.join()
    told = out.read_text()
    assert not is_late, told
    assert process.exitcode == 0, err.read_text()
    assert err.read_text() == ""
    assert told
    at = 0
    for pattern in EXPECTED.get(name, ()):
        found = re.compile(pattern, re.MULTILINE).search(told, at)
        assert found, f"{pattern!r} is not in what follows:\n{told[at:]}"
        at = found.end()
    assert not list(place.iterdir())
