"""The command line: what it prints, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
import trustme
import typer
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key
from tests.cli.running import Run
from tests.forks import FORKS
from tests.journeys.serving_process import run_program

import omnillm
from omnillm.cli.main import app
from omnillm.testing import FAULTS

CONFIG = """
server: {auth: none, port: 0}
store: {url: "memory://"}
providers: {openai: {kind: openai, keys: [{label: a, key: "${DEMO_KEY}", rpm: 5}]}}
models: {fast: {targets: [openai/gpt-4.1-mini]}}
"""


def program(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A process of its own."""
    command = [sys.executable, "-m", "omnillm", *arguments]
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "COLUMNS": "200", **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, env=environment)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "omnillm.yaml"
    path.write_text(CONFIG)
    return path


def test_the_demo_agrees_with_its_invoice() -> None:
    """Real traffic in four protocols through a pool with a dead and a limited key, and the books compared; exit 0 only if they agree.

    On a terminal that takes nothing but ASCII.
    """
    demo = program("demo", env={"PYTHONIOENCODING": "ascii"})
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stderr == ""
    assert "the books agree" in demo.stdout
    for word in ("OpenAI chat", "OpenAI responses, stream", "Anthropic messages", "Gemini, stream", "dead", "cooling", "invoice"):
        assert word in demo.stdout


def test_check_prints_what_is_in_force(run: Run, config: Path) -> None:
    """The limits, without a secret."""
    checked = run("check", "-c", str(config), DEMO_KEY="sk-canary-of-check")
    assert checked.returncode == 0
    assert "key a" in checked.stdout
    assert "model fast" in checked.stdout
    assert "canary" not in checked.stdout + checked.stderr


def test_check_names_what_has_no_price(run: Run, config: Path) -> None:
    """Of the targets that the file names, by whichever name they are asked; what is in the list or in the file has one."""
    models = (
        "{fast: {targets: [openai/gpt-4.1-mini, openai/mine]}, own: {targets: ['openai/*', openai/priced]}, 'x*': {targets: ['openai/*']}}"
    )
    prices = "pricing: {overrides: {openai/priced: {input: 1, output: 2}}}\n"
    config.write_text(CONFIG.replace("{fast: {targets: [openai/gpt-4.1-mini]}}", models) + prices)
    told = run("check", "-c", str(config), DEMO_KEY="sk-x").stdout
    assert told.endswith("without a price: openai/mine, openai/own; add it under pricing.overrides\n")


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("server: {auth: none, tls: {cert: /nowhere.pem, key: /nowhere.key}}\nproviders: {o: {kind: ollama}}", "server.tls.cert"),
        ("providers: {v: {kind: vertex_ai, project: p, region: global, keys: [{label: a, key: default}]}}", "providers.v.keys[0].key"),
        ("providers: {b: {kind: bedrock, region: us-east-1, keys: [{label: a, key: default}]}}", "providers.b.keys[0].key"),
        ("providers: {a: {kind: azure_openai, base_url: 'https://a.example', auth: entra}}", "providers.a.auth"),
        ("providers: {o: {kind: ollama}}\ntraces: {endpoint: 'https://otel.example.com'}", "traces"),
    ],
)
def test_check_refuses_what_serve_would(part: str, place: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is not installed and a file that is not there are told before a start, in the same words."""
    for package in ("google.auth", "botocore", "azure.identity", "opentelemetry.proto.collector.trace.v1"):
        monkeypatch.setitem(sys.modules, package, None)
    config = tmp_path / "omnillm.yaml"
    config.write_text(f"store: {{url: 'memory://'}}\n{part}")
    checked = run("check", "-c", str(config))
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr.startswith(f"omnillm: {place}: ")
    assert run("serve", "-c", str(config)) == checked


@pytest.mark.parametrize(
    ("cert", "key", "place", "words"),
    [
        ("cert.pem", "nowhere", "server.tls.key", "cannot be read: No such file or directory"),
        (".", "key.pem", "server.tls.cert", "cannot be read: Is a directory"),
        ("cert.pem", "other.pem", "server.tls", "the key is not the certificate's"),
        ("key.pem", "cert.pem", "server.tls", "cert must be a certificate in PEM, with its chain, and key its key"),
        ("cert.pem", "locked.pem", "server.tls.key", "is encrypted, and nobody is asked for a pass phrase: give it unencrypted"),
    ],
)
def test_a_certificate_that_cannot_serve_is_told_why(cert: str, key: str, place: str, words: str, run: Run, tmp_path: Path) -> None:
    """Each of its two files by its own name, and never by a question at the terminal."""
    mine, other = trustme.CA().issue_cert("localhost"), trustme.CA().issue_cert("localhost")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    secret = load_pem_private_key(mine.private_key_pem.bytes(), None)
    (tmp_path / "locked.pem").write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    config = tmp_path / "omnillm.yaml"
    tls = f"{{cert: {tmp_path}/{cert}, key: {tmp_path}/{key}}}"
    config.write_text(f"server: {{auth: none, tls: {tls}}}\nproviders: {{o: {{kind: ollama}}}}")
    checked = run("check", "-c", str(config))
    assert (checked.returncode, checked.stdout, checked.stderr) == (2, "", f"omnillm: {place}: {words}\n")


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_trust_store_that_is_none_is_told(run: Run, config: Path, command: str, tmp_path: Path) -> None:
    """Who names a trust store does not want everybody's in its place."""
    (tmp_path / "noise.pem").write_text("noise")
    for name, words in ("nowhere.pem", "No such file or directory"), ("noise.pem", "it holds no certificate in PEM"):
        ran = run(command, "-c", str(config), DEMO_KEY="sk-x", SSL_CERT_FILE=str(tmp_path / name))
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == f"omnillm: SSL_CERT_FILE: {tmp_path / name} cannot be trusted: {words}\n"


@pytest.mark.parametrize("command", ["check", "serve", "explain"])
def test_a_missing_variable_is_named(run: Run, config: Path, command: str) -> None:
    """Exit code 2, one message."""
    ran = run(command, *(["fast"] if command == "explain" else []), "-c", str(config))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "providers.openai.keys[0].key" in ran.stderr
    assert "DEMO_KEY" in ran.stderr


def test_a_broken_configuration_names_the_place_and_the_nearest_name(run: Run, config: Path) -> None:
    """`rmp` is not a key; `rpm` is. One message and no traceback, also from a process of its own."""
    config.write_text(CONFIG.replace("rpm: 5", "rmp: 5"))
    told = run("check", "-c", str(config), DEMO_KEY="sk-x"), program("serve", "-c", str(config), env={"DEMO_KEY": "sk-x"})
    for checked in told:
        assert (checked.returncode, checked.stdout) == (2, "")
        assert "providers.openai.keys[0].rmp" in checked.stderr
        assert "did you mean rpm?" in checked.stderr
        assert len(checked.stderr.splitlines()) == 1


@pytest.mark.parametrize("old", ["rpm: 5", "kind: openai", "targets: [openai/gpt-4.1-mini]", "auth: none", '"memory://"'])
def test_every_broken_value_is_one_message(run: Run, config: Path, old: str) -> None:
    """Whatever is wrong: exit code 2, the file and the place."""
    for new in ("", "{", "]", "\x00", old.replace(": ", ": [").replace('"memory', '[ "memory') + "]]", "x: y"):
        config.write_text(CONFIG.replace(old, new))
        checked = run("check", "-c", str(config), DEMO_KEY="sk-x")
        assert checked.returncode in {0, 2}
        assert checked.returncode == 0 or checked.stderr.startswith(f"omnillm: {config}")


def test_a_file_that_cannot_be_read_is_one_message(run: Run, tmp_path: Path) -> None:
    """Absent, a folder, or not text; whoever has none yet is told what writes one."""
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00")
    for name, words in (
        ("absent.yaml", "No such file or directory; omnillm init writes one"),
        ("", "Is a directory\n"),
        ("noise", "not UTF-8"),
    ):
        checked = run("check", "-c", str(tmp_path / name))
        assert (checked.returncode, checked.stdout) == (2, "")
        assert words in checked.stderr


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("auth: none, host: 0.0.0.0", "server.auth"),
        ("auth: required, host: 0.0.0.0", "admin_key"),
        ("auth: required, host: '::', admin_key: short", "16 characters"),
        ("auth: required, admin: {host: 192.168.0.1}", "admin_key"),
        ("auth: none, host: example.com", "server.auth"),
    ],
)
def test_beyond_loopback_needs_a_lock(run: Run, config: Path, server: str, words: str) -> None:
    """Another host without admin_key and auth: required is refused, and so is a separate admin listener."""
    config.write_text(CONFIG.replace("auth: none, port: 0", server))
    served = run("serve", "-c", str(config), DEMO_KEY="sk-x")
    assert served.returncode == 2
    assert words in served.stderr


def test_serve_tells_what_is_in_its_way(run: Run, config: Path, tmp_path: Path) -> None:
    """A port in use or a host that is none, of either listener; a certificate that is none, a ledger in a folder that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        in_use = f"cannot listen on 127.0.0.1:{port}: Address already in use\n"
        for old, new, words in (
            ("port: 0", f"port: {port}", f"omnillm: server.port: {in_use}"),
            ("port: 0", f"port: 0, admin: {{port: {port}}}", f"omnillm: server.admin.port: {in_use}"),
            (
                "auth: none, port: 0",
                "host: nowhere.invalid, admin_key: long-enough-for-this",
                "omnillm: server.host: cannot listen on nowhere.invalid:4000: ",
            ),
            ("port: 0", "port: 0, tls: {cert: /nowhere, key: /nowhere}", "server.tls"),
            ("memory://", f"sqlite:///{tmp_path}/no/such/folder.db", "the ledger cannot be kept at"),
            ("memory://", "postgresql://user:pass/word@somewhere", "store.url"),
        ):
            config.write_text(CONFIG.replace(old, new))
            served = run("serve", "-c", str(config), DEMO_KEY="sk-x")
            assert (served.returncode, served.stdout) == (2, ""), served.stderr
            assert words in served.stderr


@pytest.mark.parametrize(("protocol", "words"), [("foo", "unknown protocol 'foo'"), ("converse", "no client speaks bedrock_converse")])
def test_explain_knows_the_protocols_of_clients(protocol: str, words: str, run: Run, config: Path) -> None:
    """Another one is refused with the valid ones, and not said to be translated; any spelling of theirs is understood."""
    refused = run("explain", "fast", "--protocol", protocol, "-c", str(config), DEMO_KEY="sk-x")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert "anthropic_messages" in refused.stderr
    spelt = run("explain", "fast", "--protocol", "Claude_Messages", "-c", str(config), DEMO_KEY="sk-x")
    assert "translated from anthropic_messages" in spelt.stdout


def test_explain_says_that_no_key_serves_a_target(run: Run, config: Path) -> None:
    """Otherwise it would look as if calls went there."""
    config.write_text(CONFIG.replace("rpm: 5", "models: [gpt-5*]").replace("[openai/gpt-4.1-mini]", "[openai/gpt-4.1-mini, openai/gpt-5]"))
    lines = run("explain", "fast", "-c", str(config), DEMO_KEY="sk-x").stdout.splitlines()
    assert ["no key serves it" in line for line in lines] == [False, True, False]


def test_explain_shows_the_plan_and_the_price(run: Run, config: Path) -> None:
    """Where a call would go, and at what price; for people and for programs; an unknown model is one message."""
    explained = run("explain", "fast", "-c", str(config), DEMO_KEY="sk-x")
    assert explained.returncode == 0
    assert "1. openai/gpt-4.1-mini" in explained.stdout
    assert "0.4 in, 1.6 out USD per million tokens (exact; " in explained.stdout
    told = json.loads(run("explain", "fast", "--json", "-c", str(config), DEMO_KEY="sk-x").stdout)
    assert (told["plan"]["route"], told["targets"][0]["target"], told["targets"][0]["input_usd"]) == ("fast", "openai/gpt-4.1-mini", "0.4")
    unknown = run("explain", "fats", "-c", str(config), "--json", DEMO_KEY="sk-x")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "did you mean fast?" in unknown.stderr
    foreign = run("explain", "fast", "--protocol", "anthropic_messages", "-c", str(config), DEMO_KEY="sk-x")
    assert "openai speaks openai_chat, openai_responses; translated from anthropic_messages" in foreign.stdout


def test_init_writes_what_check_accepts(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template is a valid configuration, and is overwritten only when asked."""
    monkeypatch.chdir(tmp_path)
    assert run("init").returncode == 0
    assert run("check").returncode == 0
    Path("omnillm.yaml").write_text("mine")
    again = run("init")
    assert (again.returncode, Path("omnillm.yaml").read_text()) == (2, "mine")
    assert "--force" in again.stderr
    assert run("init", "--force").returncode == 0
    assert run("check").returncode == 0
    folder = run("init", str(tmp_path), "--force")
    assert (folder.returncode, folder.stderr) == (2, run("init", str(tmp_path)).stderr) == (2, f"omnillm: {tmp_path}: is a folder\n")
    nowhere = run("init", "no/such/folder.yaml")
    assert (nowhere.returncode, nowhere.stderr) == (2, "omnillm: no/such/folder.yaml: cannot be written: No such file or directory\n")


def test_every_command_and_option_explains_itself() -> None:
    """A name alone leaves whoever asks for help to guess."""
    silent = []

    def look(command: click.Command, path: str) -> None:
        silent.extend([path] if not command.help else [])
        silent.extend(f"{path} {each.name}" for each in command.params if not getattr(each, "help", None))
        for name, inner in getattr(command, "commands", {}).items():
            look(inner, f"{path} {name}")

    look(typer.main.get_command(app), "omnillm")
    assert not silent


def test_the_fake_provider_lists_its_faults(run: Run) -> None:
    """What a prompt can ask for, each with its effect."""
    listed = run("fake-provider", "--faults")
    assert listed.returncode == 0
    assert {line.split()[0] for line in listed.stdout.splitlines()} == set(FAULTS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_fake_provider_tells_where_it_serves(run: Run, number: signal.Signals, tmp_path: Path) -> None:
    """The port that it got; one that is taken is one message. Either signal ends it well."""
    serving = FORKS.Process(target=run_program, args=(("fake-provider", "--port", "0"), tmp_path, {}))
    serving.start()
    told = tmp_path / "stdout"
    try:
        while not (told.exists() and told.read_text().endswith("\n")):
            serving.join(0.01)
            assert serving.exitcode is None
        port = int(told.read_text().partition("http://127.0.0.1:")[2].partition(";")[0])
        with socket.create_connection(("127.0.0.1", port)):
            taken = run("fake-provider", "--port", str(port))
        os.kill(serving.pid or 0, number)
        serving.join(10)
        assert serving.exitcode == 0
    finally:
        serving.kill()
    assert told.read_text().splitlines()[1:] == ["Ended."]
    assert taken.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in taken.stderr


@pytest.mark.parametrize("command", ["fake-provider", "demo"])
@pytest.mark.parametrize("port", ["65536", "-1"])
def test_a_port_that_is_none_is_one_message(command: str, port: str, run: Run) -> None:
    """As any other mistake in a command line."""
    asked = run(command, "--port", port)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "--port" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_version_and_help(run: Run) -> None:
    """The version as the package says it; without a command, the list of them; a wrong one is exit code 2."""
    assert run("--version").stdout == f"omnillm {omnillm.__version__}\n"
    commands = run("--help").stdout
    for name in ("demo", "init", "serve", "check", "explain", "fake-provider"):
        assert name in commands
    assert run("nothing-such").returncode == 2
    assert "[[fault:NAME]] in a prompt" in run("fake-provider", "--help").stdout
    assert program("--version").stdout == f"omnillm {omnillm.__version__}\n"


def test_an_output_that_takes_no_more_is_one_message() -> None:
    """A full disk behind a redirection."""
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "omnillm", "providers"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=50, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "omnillm: No space left on device\n")


def test_providers_lists_what_is_supported(run: Run) -> None:
    """As a table, of one kind, and for programs; an unknown kind ends as any wrong configuration does."""
    table = run("providers").stdout.splitlines()
    assert table[0].split() == ["kind", "family", "wire", "format", "level"]
    assert any(line.split() == ["anthropic", "generation", "openai_chat", "compatible"] for line in table)
    rows = json.loads(run("providers", "openai", "--json").stdout)
    assert {"provider": "openai", "family": "files", "wire_format": "native", "level": "native"} in rows
    assert {row["provider"] for row in rows} == {"openai"}
    wrong = run("providers", "opena1")
    assert (wrong.returncode, "did you mean openai?" in wrong.stderr) == (2, True)
