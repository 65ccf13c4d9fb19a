"""The pages of cloud providers: the configurations on them are ones."""

import pytest
from tests.docs.pages import ROOT, blocks

from omnillm.config import configured
from omnillm.config.load import parse
from omnillm.providers.url_rule import request_target

PAGES = [ROOT / "docs/providers" / name for name in ("bedrock.md", "vertex_ai.md")]
ENV = {"AWS_BEARER_TOKEN_BEDROCK": "bedrock-api-key", "AWS_ACCESS_KEY_ID": "AKIA0", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_configuration_on_the_page_is_one(page) -> None:
    """It is read without a problem, and its models are reached in the protocols that the page names."""
    text, *_ = blocks(page, "yaml")
    settings = parse(f"server: {{auth: none}}\n{text}", ENV)
    [endpoint] = configured.endpoints(settings).values()
    assert endpoint.region in endpoint.base_url.reveal()
    for model in settings.models.values():
        _, _, name = model.targets[0].target.partition("/")
        for protocol in endpoint.protocols_for(name):
            assert protocol in page.read_text() or "Gemini generateContent" in page.read_text()
            assert request_target(endpoint, protocol, "generate", model=name).startswith(b"/")
