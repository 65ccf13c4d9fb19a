import pytest

from omnillm.config.load import parse
from omnillm.errors import ConfigError

ENV = {"OPENAI_API_KEY": "sk-canary-openai"}
PROVIDERS = 'providers: {openai: {kind: openai, keys: [{label: a, key: "${OPENAI_API_KEY}"}]}}\n'


@pytest.fixture
def read():
    """Read a configuration that has a provider already."""

    def read_text(text, env=ENV, **options):
        return parse(PROVIDERS + text, env, **options)

    return read_text


@pytest.fixture
def complaint():
    """The message of a configuration that is refused; `is_whole`: the text brings its own providers."""

    def complain(text, env=ENV, *, is_whole=False, **options):
        with pytest.raises(ConfigError) as caught:
            parse(text if is_whole else PROVIDERS + text, env, **options)
        assert "sk-canary" not in str(caught.value)
        return str(caught.value)

    return complain
