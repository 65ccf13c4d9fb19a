import pytest
from tests.in_turn import in_turn

from omnillm.config.load import parse
from omnillm.config.settings import AuthSettings


def test_a_misspelt_key_is_named_with_line_and_nearest_name(complaint):
    """The place, the line, and what was meant."""
    told = complaint("providers:\n  openai:\n    kind: openai\n    keys:\n      - {label: a, key: b, rmp: 5}\n", is_whole=True)
    assert told == "omnillm.yaml: providers.openai.keys[0].rmp (line 5): is not a key known here; did you mean rpm?"


def test_a_key_like_no_other_is_answered_with_the_valid_ones(complaint):
    """Nothing to guess: the list."""
    assert "(line 2): is not a key known here; valid: format, level" in complaint("server: {log: {colour: red}}")


def test_a_repeated_key_is_named_with_its_first_line(complaint):
    """YAML would silently keep the last."""
    assert "server.port (line 4): stands twice, first on line 3" in complaint("server:\n  port: 1\n  port: 2\n")
    assert "models.a (line 4): stands twice" in complaint("models:\n  a: {targets: [openai/x]}\n  a: {targets: [openai/y]}\n")
    assert "providers (line 2): stands twice, first on line 1" in complaint("providers: {}\n")


def test_a_missing_key_is_named(complaint):
    """With the line of what should hold it."""
    assert "providers.o.kind (line 2): is missing" in complaint("providers:\n  o: {keys: [{label: a, key: b}]}\n", is_whole=True)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(complaint):
    """One run, all of it, a line each."""
    told = complaint("server:\n  port: 70000\n  auth: maybe\ncalls: {queue: 5}\nbudgets: [{name: a, limit_usd: x}]\n").splitlines()
    assert [line.removeprefix("omnillm.yaml: ").split(":")[0] for line in told] == [
        "server.port (line 3)",
        "server.auth (line 4)",
        "calls.queue (line 5)",
        "budgets[0].limit_usd (line 6)",
    ]


@in_turn(
    ("text", "told"),
    [
        ("server: 5", "server (line 2): must be a mapping of host, port"),
        ("server: [a]", "server (line 2): must be a mapping of host, port"),
        ("models: [a]", "models (line 2): must be a mapping of names"),
        ("budgets: {a: b}", "budgets (line 2): must be a list"),
        ("budgets: a", "budgets (line 2): must be a list"),
        ("server: {host: [a]}", "server.host (line 2): must be a single value"),
        ("server: {host: {a: b}}", "server.host (line 2): must be a single value"),
        ("server: {host: }", "server.host (line 2): has no value"),
        ("server: {host: ~}", "server.host (line 2): has no value"),
        ("virtual_keys: [{name: a, key: c, rpm: }]", "virtual_keys[0].rpm (line 2): has no value"),
        ("server: {host: '${file:x}'}", "server.host (line 2): names a file, and there are none here"),
        ("store: {retention: 0s}", "store.retention (line 2): must be more than 0"),
        ('server: {host: "a\\nb"}', "server.host (line 2): must hold no line break"),
        ("server: {host: ''}", "server.host (line 2): must not be empty"),
        ("models_only: yes", "models_only (line 2): must be true or false"),
        ("store: {durability: strickt}", "must be one of strict, relaxed; did you mean strict?"),
        ('models: {"a b": {targets: [openai/x]}}', 'models."a b" (line 2): must be'),
        ("virtual_keys: [{name: a/b, key: c}]", "virtual_keys[0].name (line 2): must be 1 to 64 letters"),
        ("virtual_keys: [{name: a, key: c, expires: soon}]", "virtual_keys[0].expires (line 2): must be a date"),
    ],
)
def test_a_value_of_the_wrong_shape_is_told_with_its_place(complaint, text, told):
    """Never a traceback, never a silent conversion."""
    assert told in complaint(text)


def test_sections_whose_lines_are_all_commented_out_are_empty(read):
    """`virtual_keys:` alone is what is left then."""
    read = read("virtual_keys:\nbudgets: ~\nserver:\nmodels:\npricing:\n  overrides:\n")
    assert (read.virtual_keys, read.budgets, read.models, read.server.port) == ((), (), {}, 4000)


def test_quoted_and_plain_scalars_are_read_alike(read):
    """A port from the environment is quoted; a name may look like a number."""
    read = read("server: {port: '4001'}\nvirtual_keys: [{name: 2027-01-01, key: 1234567890123456}]\n")
    assert read.server.port == 4001
    assert (read.virtual_keys[0].name, read.virtual_keys[0].key.reveal()) == ("2027-01-01", "1234567890123456")


@pytest.mark.parametrize("auth", ["bearer", "{header: X-Token}", "{query: api_key}"])
def test_each_form_of_auth_is_read(auth):
    """A word, or a mapping with one member."""
    read_auth = parse(f"providers: {{o: {{kind: openai, auth: {auth}, keys: [{{label: a, key: b}}]}}}}", {}).providers["o"].auth
    assert read_auth in {AuthSettings(scheme="bearer"), AuthSettings(header="X-Token"), AuthSettings(query="api_key")}


def test_messages_hold_nothing_that_was_filled_in(complaint):
    """A variable may hold a secret wherever it is put."""
    env = {"OPENAI_API_KEY": "sk-canary-1", "S": "sk-canary-2"}
    assert "server.auth (line 2): must be one of" in complaint("server: {auth: '${S}', native: {openai: '${S}'}}\n", env)
    told = complaint("models: {m: {targets: ['${S}/x']}}\n", env)
    assert "names an unknown provider '${S}'" in told


def test_a_secret_written_out_in_the_file_is_masked_too(complaint):
    """A label that repeats the key's text."""
    told = complaint("virtual_keys: [{name: a, key: sk-canary-3, budgets: [sk-canary-3]}]\n")
    assert "unknown budget '(a secret)'" in told
    longer = "{name: b, key: sk-canary-3-and-more, budgets: [sk-canary-3-and-more]}"
    told = complaint(f"virtual_keys: [{{name: a, key: sk-canary-3}}, {longer}]\n")
    assert "and-more" not in told, "where one secret begins as another does, nothing of either is told"
