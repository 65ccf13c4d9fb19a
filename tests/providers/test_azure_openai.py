import pytest
from tests.in_turn import in_turn

from omnillm.errors import ConfigError
from omnillm.providers.kinds import endpoint
from omnillm.secret import Secret


@in_turn(("kind", "version"), [("openai", "2024-10-21"), ("azure_openai", "v1"), ("azure_openai", "2024-10-21&x=y")])
def test_a_version_that_is_none_is_refused(kind, version):
    """A slip in a version would be an error of Azure's at every call."""
    with pytest.raises(ConfigError) as refused:
        endpoint(kind, base_url=Secret("https://h"), api_version=version)
    assert refused.value.path == "api_version"


@in_turn(
    "base_url",
    ["https://h/openai/v1", "https://h/openai/deployments/d/chat/completions", "https://h/openai?api-version=2024-02-01"],
)
def test_an_azure_address_that_no_dated_version_can_follow_is_refused(base_url):
    """As it is copied from a portal, it would be asked at a path that is not there."""
    with pytest.raises(ConfigError) as refused:
        endpoint("azure_openai", base_url=Secret(base_url), api_version="2024-10-21")
    assert refused.value.path == "api_version"
    assert "base_url" in refused.value.message
