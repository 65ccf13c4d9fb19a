import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omnillm.config.load import load, parse
from omnillm.config.template import template
from omnillm.errors import ConfigError
from omnillm.secret import Secret

WHOLE = """
server:
  host: 127.0.0.1
  port: 4000
  auth: required
  admin_key: ${OMNILLM_ADMIN_KEY}
  admin: {host: 127.0.0.1, port: 4001}
  tls: {cert: FILE, key: FILE}
  limits: {header: 64KiB, fields: 100, body: 64MiB, buffered: 512MiB, connections: 10000,
           header_deadline: 10s, body_deadline: 60s, write_stall: 60s}
  drain: 30s
  log: {format: text, level: info}
  native: {openai: openai}
calls: {queue: 10s, queue_depth: 1000, deadline: 600s, hold_back: {time: 10s, size: 64KiB}, affinity: none, on_abort: cancel,
        default_output_tokens: 1024}
store:
  url: sqlite:///omnillm.db
  durability: strict
  when_down: refuse
  retention: 90d
  pepper: ${OMNILLM_PEPPER:-}
providers:
  openai:
    kind: openai
    selection: power_of_two
    timeouts: {connect: 5s, first_byte: 60s, idle: 300s, total: 600s, stream: 1h}
    breaker: {failures: 5, open: 1s, max_open: 60s}
    keys:
      - {label: prod-1, key: "${OPENAI_API_KEY}", rpm: 500, tpm: 90000, weight: 1}
      - {label: prod-2, key: "${OPENAI_API_KEY_2}", group: org-a, max_concurrency: 20,
         models: ["gpt-4.1*"], limits: {"gpt-4.1*": {rpm: 500, tpm: 90000, rpd: 10000}}}
  anthropic:
    kind: anthropic
    keys: [{label: a-1, key: "${ANTHROPIC_API_KEY}", rpm: 50, tpm: 40000}]
models:
  fast:
    targets: [openai/gpt-4.1-mini, anthropic/claude-haiku-4-5]
  smart:
    strategy: weighted
    targets: [{target: openai/gpt-5.4, weight: 3}, {target: anthropic/claude-sonnet-4-5, weight: 1}]
  "claude-*": {targets: ["anthropic/*"]}
budgets:
  - {name: everything, limit_usd: 50, period: month, hard: true, tz: UTC, warn: [0.8, 1.0]}
  - {name: team-x, scope: named, limit_usd: 10, period: week, hard: true}
virtual_keys:
  - {name: team-a, key: "${TEAM_A_KEY}", rpm: 600, tpm: 200000, max_concurrency: 50, models: [fast], tags: {cost_center: a1},
     expires: 2027-01-01, budgets: [team-x], budget: {limit_usd: 5, period: month, hard: true}}
pricing:
  unknown: refuse_if_budgeted
  overrides:
    openai/gpt-4.1-mini: {input: 0.4, output: 1.6, cache_read: 0.1, cache_write: 0.4, cache_write_1h: 0.8}
"""
WHOLE_ENV = {
    "OMNILLM_ADMIN_KEY": "canary-admin-key-long",
    "OPENAI_API_KEY": "canary-openai-1",
    "OPENAI_API_KEY_2": "canary-openai-2",
    "ANTHROPIC_API_KEY": "canary-anthropic",
    "TEAM_A_KEY": "canary-team-a-key",
}


def test_the_documented_configuration_loads_whole():
    """Every section of the documentation is read, also those that only later versions use."""
    read = parse(WHOLE, WHOLE_ENV)
    assert read.server.limits.buffered_bytes == 512 * 1024**2
    assert read.server.admin.port == 4001
    assert read.store.retention_s == 90 * 86400
    assert read.store.pepper is None
    first, second = read.providers["openai"].keys
    assert (first.label, first.rpm, first.tpm, first.key) == ("prod-1", 500, 90000, Secret("canary-openai-1"))
    assert (second.group, second.models, second.limits["gpt-4.1*"].rpd) == ("org-a", ("gpt-4.1*",), 10000)
    assert [target.target for target in read.models["fast"].targets] == ["openai/gpt-4.1-mini", "anthropic/claude-haiku-4-5"]
    assert [target.weight for target in read.models["smart"].targets] == [3, 1]
    assert read.budgets[0].limit_nanousd == 50_000_000_000
    assert read.budgets[0].warn_permille == (800, 1000)
    key = read.virtual_keys[0]
    assert (key.tags, key.expires_wall, key.budgets, key.budget.limit_nanousd) == (
        {"cost_center": "a1"},
        1798761600,
        ("team-x",),
        5 * 10**9,
    )
    assert read.pricing.overrides["openai/gpt-4.1-mini"].cache_write_long == 800_000_000


def test_settings_show_no_secret():
    """A repr of everything, as a traceback with locals would print it."""
    shown = repr(parse(WHOLE.replace("kind: anthropic", "kind: anthropic\n    base_url: https://h/v1?key=canary-in-url"), WHOLE_ENV))
    assert "canary" not in shown


def test_every_missing_variable_is_named_with_its_place(complaint):
    """All of them at once: nobody fixes one, restarts, and finds the next."""
    told = complaint(WHOLE, {}, is_whole=True)
    for name in WHOLE_ENV:
        assert f"needs the environment variable {name}, which is not set" in told
    line = 1 + next(at for at, text in enumerate(WHOLE.splitlines()) if "prod-2" in text)
    assert f"providers.openai.keys[1].key (line {line})" in told


def test_an_unset_variable_takes_its_default_and_an_empty_one_too(read):
    """As in a shell."""
    for env in ({"OPENAI_API_KEY": "x"}, {"OPENAI_API_KEY": "x", "HOST": ""}):
        assert read("server: {host: '${HOST:-localhost}'}", env).server.host == "localhost"
    given = {"OPENAI_API_KEY": "x", "HOST": "127.1.2.3"}
    assert read("server: {host: '${HOST:-localhost}'}", given).server.host == "127.1.2.3"


def test_what_is_filled_in_is_not_read_again_and_a_doubled_dollar_is_literal(read):
    """A secret may hold ${...} of its own."""
    settings = read("virtual_keys: [{name: a, key: '${K}', tags: {t: '$${K}'}}]", {"OPENAI_API_KEY": "x", "K": "a${B}c-and-some-more"})
    assert settings.virtual_keys[0].key.reveal() == "a${B}c-and-some-more"
    assert settings.virtual_keys[0].tags == {"t": "${K}"}


@pytest.mark.parametrize("written", ["${", "${}", "${A", "${A-B}", "${A B}", "${1A}", "${:-x}"])
def test_a_malformed_place_is_an_error(complaint, written):
    """It would otherwise become part of a secret."""
    assert "server.host (line 2): holds" in complaint(f"server: {{host: '{written}'}}")


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path):
    """Without the line break that editors end files with."""
    (tmp_path / "key").write_text("sk-from-file\n")
    (tmp_path / "omnillm.yaml").write_text('providers: {o: {kind: openai, keys: [{label: a, key: "${file:key}"}]}}')
    assert load(tmp_path / "omnillm.yaml", {}).providers["o"].keys[0].key.reveal() == "sk-from-file"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere", "cannot be read"), (".", "cannot be read"), ("binary", "not text"), ("large", "too large"), ("blank", "is empty")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, reason):
    """With the place that needs it."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 1_100_000)
    (tmp_path / "blank").write_bytes(b"\r\n")
    (tmp_path / "omnillm.yaml").write_text(f'providers: {{o: {{kind: openai, keys: [{{label: a, key: "${{file:{name}}}"}}]}}}}')
    with pytest.raises(ConfigError, match=rf"keys\[0\].key \(line 1\): needs the file {name}, which .*{reason}"):
        load(tmp_path / "omnillm.yaml", {})


def test_a_configuration_that_cannot_be_read_says_so(tmp_path):
    """Absent, a folder, not UTF-8, larger than any configuration is."""
    (tmp_path / "binary").write_bytes(b"a: \xff")
    (tmp_path / "large").write_bytes(b"#" * (10 * 1024 * 1024 + 1))
    for name, reason in [("absent", "cannot be read"), (".", "cannot be read"), ("binary", "not UTF-8"), ("large", "larger than")]:
        with pytest.raises(ConfigError, match=reason):
            load(tmp_path / name, {})


def test_a_configuration_that_is_no_mapping_is_named_once():
    """A list or a word in its place."""
    with pytest.raises(ConfigError) as wrong:
        parse("- providers", {}, source="f.yaml")
    assert str(wrong.value).startswith("f.yaml: the file (line 1): must be a mapping of server, ")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    """Windows editors write one."""
    path = tmp_path / "omnillm.yaml"
    path.write_text("providers: {o: {kind: openai, keys: [{label: a, key: b}]}}", encoding="utf-8-sig")
    assert "o" in load(path, {}).providers


def test_the_template_of_init_loads_as_written():
    """With a key in the environment and without."""
    for env in ({}, {"OPENAI_API_KEY": "sk-x"}):
        read = parse(template(), env)
        assert [provider.kind for provider in read.providers.values()] == ["openai", "anthropic", "gemini", "openai_compatible"]
        assert read.models["claude-*"].targets[0].target == "anthropic/*"


def test_the_comments_of_the_template_load_too():
    """Whoever uncomments a line finds that it works."""
    lines = [line for line in template().splitlines() if not re.match(r"\s*# [A-Z$]", line)]  # those are sentences
    kept = [line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines]
    env = {"OPENAI_API_KEY_2": "b", "OMNILLM_ADMIN_KEY": "k" * 16, "TEAM_A_KEY": "t" * 16, "GROQ_API_KEY": "g"}
    read = parse("\n".join(kept), env)
    assert read.virtual_keys[0].budget.limit_nanousd == 5 * 10**9
    assert "fast" in read.models
    assert read.is_models_only


@given(text=st.text(max_size=200) | st.text(alphabet="{}[]:,-&*!?|>'\"%@ \n\tab0${}~#<", max_size=80))
@example(text="*a")
@example(text="\ud800")
@example(text="a: &x [*x]")
@example(text="[" * 2000)
@example(text="- " * 2000)
@example(text="? [a]\n: b")
@example(text="<<: {a: 1}")
def test_no_text_raises_anything_but_a_config_error(text):
    """Whatever stands in the file: one error, no traceback."""
    with pytest.raises(ConfigError):
        parse(text, {})


def told(text):
    """The complaint about `text`, or the settings as they show themselves."""
    try:
        return repr(parse(text, WHOLE_ENV))
    except ConfigError as error:
        return str(error)


@given(data=st.data())
def test_no_damage_to_a_valid_file_raises_anything_but_a_config_error(data):
    """A cut, repeated or overwritten piece of a whole configuration; no message shows a secret, and no settings do, unless somebody writes
    one where none belongs (a host's name)."""
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, min(start + 60, len(WHOLE))))
    piece = data.draw(st.sampled_from(["", WHOLE[start:end] * 2, "x", ": ", "- ", "[", "0", "~", "\n", "${TEAM_A_KEY}", "*a", "!!str "]))
    damaged = WHOLE[:start] + piece + WHOLE[end:]
    if piece == "${TEAM_A_KEY}":
        with suppress(ConfigError):
            parse(damaged, WHOLE_ENV)
            return
    assert "canary-" not in told(damaged)
