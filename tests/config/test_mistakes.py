"""What people write in a first configuration: each mistake is one message that names its place and what to write, and no secret."""

from tests.in_turn import in_turn

KEY = "sk-canary-000111"
ENV = {
    "EMPTY": "",
    "NEWLINE": f"{KEY}\n",
    "QUOTED": f'"{KEY}"',
    "BEARER": f"Bearer {KEY}",
    "DASH": "sk\N{EN DASH}canary-000111",
    "ELSEWHERE": KEY,
}
P = f"providers: {{p: {{kind: openai, keys: [{{label: k, key: {KEY}}}]}}}}\n"


def provider(rest: str) -> str:
    return f"providers: {{p: {{kind: openai, {rest}}}}}\n"


def keyed(key: str) -> str:
    return provider(f"keys: [{{label: k, key: {key}}}]")


DURATION = "must be a duration such as 250ms, 5s, 2m, 1h or 90d"
MISTAKES = [
    # the listener
    (f"server: {{listen: '0.0.0.0:4000'}}\n{P}", "server.listen (line 1): is not a key known here; valid: host, port"),
    (f"server: {{host: '127.0.0.1:4000'}}\n{P}", "server.host (line 1): is written without the port: 127.0.0.1, and port: 4000 beside it"),
    (f"server: {{host: 'http://127.0.0.1'}}\n{P}", "server.host (line 1): is a URL, and must be an address or a name"),
    (f"server: {{host: 0.0.0.0}}\n{P}", "server.host (line 1): is beyond loopback, which needs server.admin_key"),
    (f"server: {{host: 0.0.0.0, auth: none}}\n{P}", "server.auth (line 1): must be required: 0.0.0.0 can be reached"),
    (f"server: {{port: 4000.0}}\n{P}", "server.port (line 1): must be a whole number"),
    (f"server: {{port: 70000}}\n{P}", "server.port (line 1): must be a port, 0 to 65535"),
    (f"server: {{auth: requird}}\n{P}", "server.auth (line 1): must be one of required, none; did you mean required?"),
    (f"server: {{admin: {{port: 4000}}}}\n{P}", "server.admin.port (line 1): is the main listener's own"),
    (f"server: {{log: json}}\n{P}", "server.log (line 1): must be a mapping of format, level"),
    (f"server: {{log: {{level: WARN}}}}\n{P}", "did you mean warning?"),
    # YAML
    (f"server:\n\tport: 4000\n{P}", "a tab cannot indent: write spaces"),
    (f"server:\n  port:4000\n{P}", "server (line 2): must be a mapping of host, port, auth"),
    (f"server:\n  port:4000\n{P}", "; write a space behind each colon"),
    (f"{P}{P}", "providers (line 2): stands twice, first on line 1"),
    (f"x: &a {{b: 1}}\n{P}", "an anchor is not allowed in a configuration"),
    (f"{P}models: {{*-mini: {{targets: ['p/*']}}}}\n", 'quote a pattern that begins with *, as in "*-mini"'),
    (f"{P}models: {{a: {{<<: {{targets: [p/x]}}}}}}\n", 'models.a."<<" (line 2): is not a key known here'),
    (f"{P}---\n{P}", "a second document is not allowed"),
    (P.replace("providers", "Providers"), "Providers (line 1): is not a key known here; did you mean providers?"),
    # times, sizes, numbers
    (f"calls: {{queue: 5}}\n{P}", f"calls.queue (line 1): {DURATION}"),
    (f"calls: {{queue: -5s}}\n{P}", f"calls.queue (line 1): {DURATION}"),
    (f"calls: {{queue: 5min}}\n{P}", f"calls.queue (line 1): {DURATION}"),
    (f"calls: {{deadline: 0}}\n{P}", "calls.deadline (line 1): must be more than 0"),
    (f"server: {{limits: {{body: 1048576}}}}\n{P}", "server.limits.body (line 1): must be a size such as 64KiB"),
    (provider(f"keys: [{{label: k, key: {KEY}, rpm: 0}}]"), "providers.p.keys[0].rpm (line 1): is 0, which would admit nothing"),
    (provider(f"keys: [{{label: k, key: {KEY}, tpm: 90k}}]"), "providers.p.keys[0].tpm (line 1): must be a whole number"),
    (
        provider(f"keys: [{{label: k, key: {KEY}}}], timeout: 30s"),
        "providers.p.timeout (line 1): is not a key known here; did you mean timeouts?",
    ),
    # providers and their keys
    (P.replace("kind: openai", "kind: openia"), "providers.p.kind (line 1): unknown kind 'openia'; did you mean openai?"),
    (P.replace("kind: openai", "kind: azure"), "unknown kind 'azure'; did you mean azure_openai?"),
    (P.replace("kind: openai", "kind: google"), "unknown kind 'google'; did you mean gemini?"),
    (P.replace("kind: openai", "kind: Claude"), "unknown kind 'Claude'; did you mean anthropic?"),
    (f"providers: [{{kind: openai, keys: [{{label: k, key: {KEY}}}]}}]\n", "providers (line 1): must be a mapping of names"),
    (provider(f"keys: {KEY}"), "providers.p.keys (line 1): must be a list"),
    (provider(f"keys: [{KEY}]"), "providers.p.keys[0] (line 1): must be a mapping of label, key"),
    (provider(f"keys: [{{{KEY}}}]"), "providers.p.keys[0] (line 1): has a key that is no word; valid: label, key"),
    (provider(f"keys: [{{label: k, key:{KEY}}}]"), "providers.p.keys[0].key (line 1): needs a space behind its colon"),
    (provider(f"keys: [{{label: k, key {KEY}}}]"), "providers.p.keys[0] (line 1): has a key that is no word"),
    (provider(f"keys: [{{label: k, api_key: {KEY}}}]"), "providers.p.keys[0].api_key (line 1): is not a key known here; did you mean key?"),
    (
        provider(f"keys: [{{label: k, key: {KEY}}}], base_url: api.example.com"),
        "providers.p.base_url (line 1): must be like https://host/v1",
    ),
    (provider(f"keys: [{{label: k, key: {KEY}}}], headers: {{x-key:{KEY}}}"), "providers.p.headers.x-key (line 1): needs a space behind"),
    (
        provider(f"keys: [{{label: k, key: {KEY}}}], selection: round_robin"),
        "must be one of power_of_two, random_first_fit, weighted, priority",
    ),
    # secrets and variables
    (
        provider(f"keys: [{{label: {KEY}22223333444455, key: prod-1}}]"),
        "providers.p.keys[0].label (line 1): looks like a secret, and names are shown in logs",
    ),
    (f"{P}virtual_keys: [{{name: sk-omni-canary0123456789abcdef, key: team-a}}]\n", "virtual_keys[0].name (line 2): looks like a secret"),
    (keyed("'${NOWHERE}'"), "providers.p.keys[0].key (line 1): needs the environment variable NOWHERE, which is not set"),
    (keyed("'${EMPTY}'"), "providers.p.keys[0].key (line 1): needs the environment variable EMPTY, which is empty"),
    (f"server: {{admin_key: '${{EMPTY}}'}}\n{P}", "server.admin_key (line 1): needs the environment variable EMPTY, which is empty"),
    (keyed("'${NEWLINE}'"), "must be printable ASCII without spaces or line breaks"),
    (keyed("'${BEARER}'"), "must be printable ASCII without spaces or line breaks"),
    (keyed("'${DASH}'"), "must be printable ASCII without spaces or line breaks"),
    (keyed("'${QUOTED}'"), "stands in quotes that would be sent with it: give it without"),
    (keyed("$ELSEWHERE"), "is the name of a variable, not its value: a variable is written ${NAME}"),
    (keyed("'%ELSEWHERE%'"), "is the name of a variable, not its value"),
    (keyed("os.environ/ELSEWHERE"), "is the name of a variable, not its value"),
    (keyed("${ELSEWHERE}"), 'within braces or brackets write "${...}" in quotes'),
    (keyed("'${ELSEWHERE-x}'"), "neither ${NAME}, ${NAME:-default} nor ${file:PATH}"),
    (f"{P}models: {{'${{ELSEWHERE}}': {{targets: [p/x]}}}}\n", "models (line 2): has a name with ${...}, which is replaced in values only"),
    (f"server: {{port: '${{ELSEWHERE}}'}}\n{P}", "server.port (line 1): must be a whole number"),
    # models
    (f"{P}models: {{a: p/x}}\n", "models.a (line 2): must be a mapping of targets, strategy"),
    (f"{P}models: {{a: {{targets: p/x}}}}\n", "models.a.targets (line 2): must be a list"),
    (f"{P}models: {{a: {{targets: [gpt-4]}}}}\n", "models.a.targets[0] (line 2): must be provider/model"),
    (
        f"{P}models: {{a: {{targets: [b]}}, b: {{targets: [a]}}}}\n",
        "models.a.targets[0] (line 2): is a model of this file: must be provider/model",
    ),
    (
        f"{P}models: {{a: {{targets: [p/x], fallbacks: [p/y]}}}}\n",
        "models.a.fallbacks (line 2): is not a key known here; valid: targets, strategy",
    ),
    (f"{P}models: {{'gpt-.*': {{targets: ['p/*']}}}}\n", "looks like a regular expression: here * alone stands for any characters"),
    (f"{P}models: {{'^gpt': {{targets: ['p/*']}}}}\n", "looks like a regular expression"),
    (f"{P}models: {{a: {{strategy: weighted, targets: [{{target: p/x, weight: 0.5}}]}}}}\n", "weight (line 2): must be a whole number"),
    # virtual keys, budgets, prices, the ledger
    (f"{P}virtual_keys: {{a: {{key: sk-omni-1}}}}\n", "virtual_keys (line 2): must be a list"),
    (f"{P}virtual_keys: [{{name: team a, key: sk-omni-1}}]\n", "virtual_keys[0].name (line 2): must be 1 to 64 letters"),
    (f"{P}virtual_keys: [{{name: a, key: sk-omni-1, expires: 30d}}]\n", "must be a date such as 2027-01-01, or an ISO 8601 time"),
    (f"{P}virtual_keys: [{{name: a, key: sk-omni-1, budget: 5}}]\n", "virtual_keys[0].budget (line 2): must be a mapping of limit_usd"),
    (f"{P}budgets: [{{name: a, limit: 5}}]\n", "budgets[0].limit (line 2): is not a key known here; did you mean limit_usd?"),
    (f"{P}budgets: [{{name: a, limit_usd: $5}}]\n", "budgets[0].limit_usd (line 2): must be decimal USD"),
    (f"{P}budgets: [{{name: a, limit_usd: '5,000'}}]\n", "budgets[0].limit_usd (line 2): must be decimal USD"),
    (f"{P}budgets: [{{name: a, limit_usd: 5, period: monthly}}]\n", "did you mean month?"),
    (f"{P}budgets: [{{name: a, limit_usd: 5, period: day, tz: Europe/Berln}}]\n", "did you mean Europe/Berlin?"),
    (f"{P}budgets: [{{name: a, limit_usd: 5, warn: [80]}}]\n", "must be a share of the limit"),
    (
        f"{P}pricing: {{overrides: {{gpt-5: {{input: 1, output: 2}}}}}}\n",
        "pricing.overrides.gpt-5 (line 2): must be keyed by provider/model",
    ),
    (f"{P}pricing: {{overrides: {{p/gpt-5: {{input: 4e-7, output: 2}}}}}}\n", "must be decimal USD"),
    (f"store: {{url: omnillm.db}}\n{P}", "store.url (line 1): must begin with sqlite:///, postgresql://, memory://"),
    (f"store: {{url: 'postgres://u:{KEY}@h/d'}}\n{P}", "did you mean postgresql://?"),
    (
        f"model_list: [{{model_name: a, litellm_params: {{model: openai/x, api_key: {KEY}}}}}]\n",
        "model_list (line 1): is not a key known here",
    ),
]


@in_turn(("text", "told"), MISTAKES)
def test_a_mistake_is_told_where_it_is_and_what_to_write(complaint, text, told):
    """Whoever has an hour loses none of it to a guess."""
    assert told in complaint(text, ENV, is_whole=True)


def test_a_variable_may_be_empty_where_the_file_says_so(read):
    """`${NAME:-}` asks for no value, so what is optional is as if it were not there."""
    assert read("server: {admin_key: '${EMPTY:-}'}\n", {"OPENAI_API_KEY": "x", "EMPTY": ""}).server.admin_key is None


def test_names_and_secrets_that_only_look_like_mistakes_are_taken(read):
    """A colon in a model's name, a bracket, a dot before a star; a secret with a dollar, a per cent sign or one quote."""
    names = ["llama3:8b", "claude-sonnet-4-5[1m]", "gpt-4.*", "anthropic.*", "@cf/meta/x"]
    models = ", ".join(f"'{name}': {{targets: ['openai/x']}}" for name in names)
    keys = [
        "$ecret-0-of-somebody",
        "pa%ss%word-of-somebody",
        "'\"half-of-a-quotation'",
        "$x-and-some-more-letters",
        "a$B-and-some-more-letters",
    ]
    settings = read(f"models: {{{models}}}\nvirtual_keys: [{', '.join(f'{{name: k{at}, key: {key}}}' for at, key in enumerate(keys))}]\n")
    assert [*settings.models] == names
    named = ["sk-hynix-chat-production-01", "xai-production-team-1", "hf_inference_endpoints", "AKIA-1"]
    virtual_keys = ", ".join(f"{{name: {name}, key: secret-of-number-{at}}}" for at, name in enumerate(named))
    assert [key.name for key in read(f"virtual_keys: [{virtual_keys}]\n").virtual_keys] == named
    assert [key.key.reveal() for key in settings.virtual_keys] == [*keys[:2], '"half-of-a-quotation', *keys[3:]]
