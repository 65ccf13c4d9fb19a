import pytest
from tests.in_turn import in_turn

from omnillm.config.checks import is_loopback
from omnillm.config.load import parse

KEY = "keys: [{label: a, key: b}]"


def one_provider(rest, keys=KEY):
    return f"providers: {{p: {{{rest}, {keys}}}}}"


def test_an_address_in_brackets_is_told_so(complaint):
    """Before anything is said of who can reach it."""
    told = complaint("server: {host: '[::1]', auth: none, admin: {host: '[::]'}}\n")
    assert [line.partition("server.")[2] for line in told.splitlines()] == [
        "host (line 2): is written without brackets: ::1",
        "admin.host (line 2): is written without brackets: ::",
    ]


@in_turn(
    ("text", "told"),
    [
        ("", "providers (line 1): is missing or empty"),
        ("providers: {}", "providers (line 1): is missing or empty"),
        ("providers: {p: {kind: openai}}", "providers.p.keys (line 1): is missing or empty"),
        ("providers: {p: {kind: openai, keys: []}}", "providers.p.keys (line 1): is missing or empty"),
        (one_provider("kind: openai, passthrough: [vector_stores]"), "providers.p.passthrough[0] (line 1): must be a path such as"),
        (
            one_provider("kind: vertex_ai, region: global, project: p, passthrough: [/cachedContents]"),
            "providers.p.passthrough (line 1): is not for vertex_ai",
        ),
        (one_provider("kind: opena1"), "providers.p.kind (line 1): unknown kind 'opena1'; did you mean openai?"),
        (one_provider("kind: bedrock"), "a provider of kind bedrock needs one, or a region"),
        (one_provider("kind: openai, region: us-east-1"), "is of bedrock and vertex_ai: openai has none"),
        (
            one_provider("kind: anthropic, system_role: system"),
            "providers.p.system_role (line 1): is of openai_chat: anthropic_messages has none",
        ),
        (one_provider("kind: openai, protocol: responses, content: string"), "is of openai_chat: openai_responses has none"),
        (one_provider("kind: bedrock, region: a/b"), "is not the name of a region"),
        (one_provider("kind: vertex_ai, region: global"), "a place in Vertex AI is a project and a region"),
        (one_provider("kind: azure_openai"), "providers.p.base_url (line 1): a provider of kind azure_openai needs one"),
        (one_provider("kind: openai_compatible"), "providers.p.base_url (line 1): a provider of kind openai_compatible needs one"),
        (one_provider("kind: openai, base_url: ftp://x"), "providers.p.base_url (line 1): must be like https://host/v1"),
        (one_provider("kind: openai, protocol: gemini"), "unknown protocol 'gemini'"),
        (one_provider("kind: openai, protocol: claude_messages"), "openai speaks openai_chat, openai_responses, not anthropic_messages"),
        (one_provider("kind: openai, compat: true"), "providers.p.base_url (line 1): compat: true makes"),
        (one_provider("kind: openai, auth: {header: a, query: b}"), "providers.p.auth (line 1): must be bearer"),
        (
            one_provider("kind: openai, breaker: {open: 90s, max_open: 10s}"),
            "providers.p.breaker.max_open (line 1): is 10s, and the first rest 90s: it cannot be shorter",
        ),
        (one_provider("kind: openai, auth: {}"), "providers.p.auth (line 1): must be bearer"),
        (one_provider("kind: openai, auth: {header: 'a b'}"), "providers.p.auth.header (line 1): 'a b' is not a header"),
        (one_provider("kind: openai, headers: {Host: x}"), "host is set by the gateway"),
        (one_provider("kind: openai, headers: {Authorization: x}"), "authorization carries the provider key"),
        (
            one_provider("kind: bedrock, region: us-east-1, headers: {X-Amzn-Bedrock-Service-Tier: priority}"),
            "providers.p.headers (line 1): x-amzn-bedrock-service-tier changes the price, and only default is taken",
        ),
        (
            one_provider("kind: vertex_ai, region: global, project: p, headers: {X-Vertex-AI-LLM-Shared-Request-Type: priority}"),
            "providers.p.headers (line 1): x-vertex-ai-llm-shared-request-type changes the price",
        ),
        (
            one_provider("kind: azure_openai, base_url: 'https://a.example', auth: entra"),
            "providers.p.keys[0].key (line 1): means nothing beside",
        ),
        (one_provider("kind: openai, keys: [{label: a, key: b, rpm: 0}]", "x: y"), "is 0, which would admit nothing; leave it out"),
        (one_provider("kind: openai, keys: [{label: a, key: b, tpm: 0}]", "x: y"), "providers.p.keys[0].tpm"),
        (one_provider("kind: openai, keys: [{label: a, key: b, weight: 0}]", "x: y"), "must be at least 1"),
        (
            one_provider("kind: openai", "keys: [{label: a, key: b}, {label: a, key: c}]"),
            "keys[1].label (line 1): is the same as providers.p.keys[0].label",
        ),
        (
            one_provider("kind: openai", "keys: [{label: a, key: b}, {label: c, key: b}]"),
            "keys[1].key (line 1): is the same as providers.p.keys[0].key",
        ),
        (one_provider("kind: openai", 'keys: [{label: a, key: ""}]'), "providers.p.keys[0].key (line 1): is needed and must not be empty"),
    ],
)
def test_a_provider_that_cannot_work_is_told(complaint, text, told):
    """Everything about one provider that the file can show."""
    assert told in complaint(text, is_whole=True)


@in_turn(
    ("section", "told"),
    [
        ("{}", "traces.endpoint (line 2): is missing"),
        ("{endpoint: otel.example.com}", "traces.endpoint (line 2): must be like https://host/v1/traces"),
        ("{endpoint: 'https://me:hidden@host'}", "traces.endpoint (line 2): must be like https://host/v1/traces"),
        ("{endpoint: 'https://host', headers: {a b: hidden}}", "traces.headers.\"a b\" (line 2): 'a b' is not a header name"),
        ("{endpoint: 'https://host', headers: {Host: hidden}}", "traces.headers.Host (line 2): host is set by the gateway"),
        ("{endpoint: 'https://host', headers: {x: hidd\u00e9n}}", "traces.headers.x (line 2): the value of x must be printable ASCII"),
        ("{endpoint: 'https://host', sample: 10%}", "traces.sample (line 2): must be a share from 0 to 1"),
    ],
)
def test_traces_that_cannot_be_sent_are_told(complaint, section, told):
    """Without what may be a credential."""
    complained = complaint(f"{one_provider('kind: openai')}\ntraces: {section}", is_whole=True)
    assert told in complained
    assert "hidd" not in complained


def test_the_same_label_and_secret_may_stand_in_two_providers():
    """Labels are a provider's own; one account may be reached two ways."""
    assert len(parse(f"providers: {{a: {{kind: openai, {KEY}}}, b: {{kind: anthropic, {KEY}}}}}", {}).providers) == 2


@in_turn(
    ("text", "told"),
    [
        ("models: {m: {targets: []}}", "models.m.targets (line 2): is empty"),
        ("models: {m: {}}", "models.m.targets (line 2): is missing"),
        ("models: {m: {targets: [openia/x]}}", "models.m.targets[0] (line 2): names an unknown provider 'openia'; did you mean openai?"),
        ("models: {m: {targets: [gpt]}}", "models.m.targets[0] (line 2): must be provider/model"),
        ("models: {m: {targets: ['openai/gpt-*']}}", "must be provider/model, or provider/*"),
        ("models: {m: {targets: [openai/x, openai/x]}}", "models.m.targets[1] (line 2): is the same as"),
        ("models: {m: {targets: [{target: openai/x, weight: 2}]}}", "targets[0].weight (line 2): needs strategy: weighted"),
        ("models: {m: {strategy: weighted, targets: [{target: openai/x, weight: 0}]}}", "must be at least 1"),
        ("models: {m: {strategy: weighed, targets: [openai/x]}}", "must be one of ordered, weighted; did you mean weighted?"),
        ("server: {native: {openia: openai}}", "is not a drop-in prefix; did you mean openai?"),
        ("server: {native: {openai: opnai}}", "names an unknown provider 'opnai'; did you mean openai?"),
        ("pricing: {overrides: {gpt: {input: 1, output: 1}}}", "must be keyed by provider/model"),
        ("pricing: {overrides: {opnai/gpt: {input: 1, output: 1}}}", "did you mean openai?"),
        ("pricing: {overrides: {openai/gpt: {input: -1, output: 1}}}", 'pricing.overrides."openai/gpt".input (line 2): must'),
        ("store: {url: mysql://x}", "store.url (line 2): must begin with"),
    ],
)
def test_names_that_point_nowhere_are_told_with_the_nearest(complaint, text, told):
    """Models, native prefixes and prices name providers."""
    assert told in complaint(text)


@in_turn(
    ("text", "told"),
    [
        ("budgets: [{limit_usd: 1}]", "budgets[0].name (line 2): is missing"),
        ("budgets: [{name: a, limit_usd: 1}, {name: a, limit_usd: 2}]", "budgets[1].name (line 2): is the same as budgets[0].name"),
        (
            "budgets: [{name: a, limit_usd: 1, period: mnth}]",
            "must be one of day, week, month, total, or rolling with a length, such as rolling 24h; did you mean month?",
        ),
        ("budgets: [{name: a, limit_usd: 1, period: rolling 90s}]", "must roll over whole minutes, from 1h to 366d"),
        ("budgets: [{name: a, limit_usd: 1, period: rolling 367d}]", "must roll over whole minutes, from 1h to 366d"),
        ("budgets: [{name: a, limit_usd: 1, period: rolling soon}]", "budgets[0].period (line 2): must be a duration"),
        ("budgets: [{name: a, limit_usd: 1, tz: Mars/X}]", "budgets[0].tz (line 2): must be a time zone"),
        (
            "budgets: [{name: a, limit_usd: 1, period: rolling 24h, tz: Europe/Berlin}]",
            "budgets[0].tz (line 2): means nothing beside period: rolling 24h, which has no midnight; remove it",
        ),
        ("budgets: [{name: a, limit_usd: 1, period: rolling 24h, tz: UTC}]", "budgets[0].tz (line 2): means nothing"),
        (
            "budgets: [{name: a, limit_usd: 1, period: total, tz: Europe/Berlin}]",
            "budgets[0].tz (line 2): means nothing beside period: total, which has no midnight; remove it",
        ),
        ("budgets: [{name: a, limit_usd: 1, tz: UTC}]", "budgets[0].tz (line 2): means nothing beside period: total"),
        (
            "virtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx, budget: {limit_usd: 1, tz: UTC}}]",
            "virtual_keys[0].budget.tz (line 2): means nothing",
        ),
        (
            "virtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx, budget: {limit_usd: 1, period: rolling 7d, tz: Asia/Tokyo}}]",
            "virtual_keys[0].budget.tz (line 2): means nothing beside period: rolling 7d",
        ),
        (
            f"virtual_keys: [{{name: a, key: xxxxxxxxxxxxxxxx, tags: {{a: {'x' * 1500}, b: {'x' * 600}}}}}]",
            "virtual_keys[0].tags (line 2): have more than 2048 bytes",
        ),
        (
            "virtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx, budgets: [b]}]",
            "virtual_keys[0].budgets[0] (line 2): names an unknown budget 'b'",
        ),
        (
            "budgets: [{name: all, limit_usd: 1}]\nvirtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx, budgets: [all]}]",
            "virtual_keys[0].budgets[0] (line 3): need not name all: every call draws on it",
        ),
        (
            "virtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx, budget: {name: b, limit_usd: 1}}]",
            "virtual_keys[0].budget (line 2): is the key's own",
        ),
        (
            "virtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx}, {name: a, key: yyyyyyyyyyyyyyyy}]",
            "virtual_keys[1].name (line 2): is the same as virtual_keys[0].name",
        ),
        (
            "virtual_keys: [{name: a, key: xxxxxxxxxxxxxxxx}, {name: b, key: xxxxxxxxxxxxxxxx}]",
            "virtual_keys[1].key (line 2): is the same as virtual_keys[0].key",
        ),
        (
            f"server: {{admin_key: {'k' * 16}}}\nvirtual_keys: [{{name: a, key: {'k' * 16}}}]",
            "virtual_keys[0].key (line 3): is the same as server.admin_key",
        ),
    ],
)
def test_budgets_and_virtual_keys_that_contradict_themselves_are_told(complaint, text, told):
    """A call must never be booked twice, or nowhere."""
    assert told in complaint(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "127.0.0.1.example.com"])
def test_beyond_loopback_an_admin_key_and_authentication_are_needed(complaint, read, host):
    """Both are told at once."""
    told = complaint(f"server: {{host: '{host}', auth: none}}")
    assert "server.host (line 2): is beyond loopback, which needs server.admin_key" in told
    assert f"server.auth (line 2): must be required: {host} can be reached" in told
    assert read(f"server: {{host: '{host}', admin_key: {'k' * 16}}}").server.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_nothing_is_needed(read, host):
    """A newcomer's first run."""
    assert is_loopback(host)
    assert read(f"server: {{host: '{host}', auth: none}}").server.auth == "none"


def test_what_proves_who_somebody_is_cannot_be_guessed(complaint):
    """Every secret that the gateway itself compares, not only the administrator's: `sk-1234` is tried by everybody."""
    assert "server.admin_key (line 2): must have at least 16 characters" in complaint("server: {admin_key: short}")
    assert "store.pepper (line 2): must have at least 16 characters" in complaint("store: {pepper: salt}")
    assert "virtual_keys[0].key (line 2): must have at least 16 characters" in complaint("virtual_keys: [{name: a, key: sk-1234}]")


def test_a_shared_listener_is_told(complaint):
    """And an admin listener that others can reach needs the key as well."""
    assert "server.admin.port (line 2): is the main listener's own" in complaint("server: {admin: {port: 4000}}")
    assert "server.admin.host (line 2): is beyond loopback" in complaint("server: {admin: {host: 0.0.0.0}}")


def test_a_broken_section_is_not_blamed_for_what_others_find_missing_in_it(complaint):
    """One mistake in a provider, one line: not another for each model that names it."""
    told = complaint("providers: {p: {kind: openai, keys: x}}\nmodels: {m: {targets: [q/x]}}\n", is_whole=True)
    assert told.count("(line") == 1
