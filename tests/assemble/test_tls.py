"""When the trust store is read. What a file that cannot serve is told as stands in `tests/cli`."""

from tests.assemble.test_parts import CONFIG, settings

from omnillm.assemble.tls import make_trust


def test_trust_is_read_only_where_https_is_spoken() -> None:
    """It costs 30 ms."""
    assert make_trust(settings(), {}) is not None
    local = "\n".join(line for line in CONFIG.splitlines() if not line.startswith(("  anthropic:", "  gemini:")))
    local = local.replace("    kind: openai\n", '    kind: openai\n    base_url: "http://127.0.0.1:1"\n')
    assert make_trust(settings(local), {}) is None
