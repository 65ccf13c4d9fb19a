"""`omnillm transcode`: a body in, its translation out, and on standard error what was lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.running import Run

CHAT = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9, "seed": 7}
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
}
CHUNKS = [
    {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
    {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    },
]
STREAM = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n"
ERROR = {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}


ASK = ("transcode", "--from", "chat_completions", "--to", "claude_messages")


def test_request_is_translated_and_its_losses_told() -> None:
    """By any spelling of a protocol's name, from one end of a process to the other."""
    command = [sys.executable, "-m", "omnillm", *ASK]
    ran = subprocess.run(command, input=json.dumps(CHAT), capture_output=True, text=True, timeout=50, check=False)
    assert (ran.returncode, ran.stderr) == (0, "dropped generation.seed: the Messages API has no seed\n")
    body = json.loads(ran.stdout)
    assert (body["model"], body["max_tokens"], body["messages"]) == (CHAT["model"], 9, [{"role": "user", "content": "Hello"}])


def test_file_is_read(run: Run, tmp_path: Path) -> None:
    """And the model in between can be looked at."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(CHAT), "utf-8")
    ran = run(*ASK, str(path), "--to", "canonical")
    assert json.loads(ran.stdout)["generation"] == {"max_output_tokens": 9, "seed": 7}


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("response", json.dumps(REPLY), '"text": "Hi"'),
        ("stream", STREAM, "event: message_stop\n"),
        ("error", json.dumps(ERROR), '"rate_limit_error"'),
    ],
)
def test_replies_streams_and_errors_are_translated(run: Run, kind: str, body: str, told: str) -> None:
    """Each by its kind."""
    ran = run(*ASK, "--kind", kind, "--status", "429", stdin=body)
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "body", "code", "told"),
    [
        ((), "{", 1, "the body must be JSON"),
        ((), '{"model": "m", "messages": [{"role": "user", "content": 7}]}', 1, "messages[0].content"),
        (("--kind", "stream"), STREAM[:-40], 1, "The provider answered what its protocol does not allow"),
        (("--to", "chatgpt"), "{}", 2, "chatgpt"),
        (("/no/such/file",), "", 2, "omnillm: /no/such/file: cannot be read: No such file or directory"),
        (("/",), "", 2, "omnillm: /: cannot be read: Is a directory"),
    ],
)
def test_mistake_is_one_line(run: Run, arguments: tuple[str, ...], body: str, code: int, told: str) -> None:
    """Never a traceback."""
    ran = run(*ASK, *arguments, stdin=body)
    assert ran.returncode == code
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
