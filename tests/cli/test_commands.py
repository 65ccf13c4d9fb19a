"""The command line, as programs of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
server: {auth: none, port: 0}
store: {url: "memory://"}
providers: {openai: {kind: openai, keys: [{label: a, key: "${DEMO_KEY}", rpm: 5}]}}
models: {fast: {targets: [openai/gpt-4.1-mini]}}
"""


def run(*arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "omnillm", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1", "COLUMNS": "200", **(env or {})},
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "omnillm.yaml"
    path.write_text(CONFIG)
    return path


def test_the_demo_agrees_with_its_invoice() -> None:
    """Real traffic in four protocols through a pool with a dead and a limited key, and the books compared; exit 0 only if they agree."""
    demo = run("demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "the books agree" in demo.stdout
    for word in ("OpenAI chat", "OpenAI responses, stream", "Anthropic messages", "Gemini, stream", "dead", "cooling", "invoice"):
        assert word in demo.stdout


def test_check_prints_what_is_in_force(config: Path) -> None:
    """The limits, without a secret."""
    checked = run("check", "-c", str(config), env={"DEMO_KEY": "sk-canary-of-check"})
    assert checked.returncode == 0
    assert "key a" in checked.stdout
    assert "canary" not in checked.stdout + checked.stderr


def test_a_missing_variable_is_named(config: Path) -> None:
    """Exit code 2, one message, no traceback."""
    checked = run("check", "-c", str(config))
    assert checked.returncode == 2
    assert "DEMO_KEY" in checked.stderr
    assert "Traceback" not in checked.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_broken_configuration_names_the_place_and_the_nearest_name(config: Path, command: str) -> None:
    """`rmp` is not a key; `rpm` is."""
    config.write_text(CONFIG.replace("rpm: 5", "rmp: 5"))
    checked = run(command, "-c", str(config), env={"DEMO_KEY": "sk-x"})
    assert checked.returncode == 2
    assert "providers.openai.keys[0].rmp" in checked.stderr
    assert "rpm" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_beyond_loopback_needs_a_lock(config: Path) -> None:
    """Another host without admin_key and auth: required is refused."""
    config.write_text(CONFIG.replace("auth: none, port: 0", "auth: none, host: 0.0.0.0"))
    served = run("serve", "-c", str(config), env={"DEMO_KEY": "sk-x"})
    assert served.returncode == 2
    assert "admin_key" in served.stderr


def test_explain_shows_the_plan_and_the_price(config: Path) -> None:
    """Where a call would go, and at what price; an unknown model is one message."""
    explained = run("explain", "fast", "-c", str(config), env={"DEMO_KEY": "sk-x"})
    assert "openai/gpt-4.1-mini" in explained.stdout
    assert "USD per million" in explained.stdout
    unknown = run("explain", "slow", "-c", str(config), "--json", env={"DEMO_KEY": "sk-x"})
    assert unknown.returncode == 0 or "slow" in unknown.stderr


def test_init_writes_what_check_accepts(tmp_path: Path) -> None:
    """The template is a valid configuration, and is not overwritten."""
    assert run("init", cwd=tmp_path).returncode == 0
    assert run("check", cwd=tmp_path).returncode == 0
    assert run("init", cwd=tmp_path).returncode == 2


def test_the_fake_provider_lists_its_faults() -> None:
    """What a prompt can ask for."""
    listed = run("fake-provider", "--faults")
    assert "status_401" in listed.stdout


def test_version() -> None:
    assert run("--version").stdout.startswith("omnillm 0.")
