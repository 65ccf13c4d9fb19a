"""Which kind has which endpoint family, where it is asked, and that the page says so."""

import re
from pathlib import Path

import pytest
from tests.in_turn import in_turn

from omnillm.endpoints.registry import FORMATS
from omnillm.providers.families import FAMILY_PATHS, FORMATS_OF_KIND, families_of, format_for, formats_of
from omnillm.providers.kinds import KINDS, endpoint
from omnillm.providers.profiles.azure_openai import with_version
from omnillm.providers.profiles.bedrock import BEDROCK
from omnillm.providers.url_rule import request_target
from omnillm.secret import Secret

PAGE = (Path(__file__).parents[2] / "docs/endpoints.md").read_text()


def test_every_format_of_a_kind_is_known_and_has_a_path() -> None:
    """And every family is one that a format is of; the canonical ones are asked of nobody."""
    assert set(FAMILY_PATHS) == {(name, each.operation) for name, each in FORMATS.items() if not name.startswith("canonical_")}
    assert FORMATS_OF_KIND.keys() <= KINDS.keys()
    for formats in FORMATS_OF_KIND.values():
        assert set(formats) <= FORMATS.keys()


@in_turn("kind", FORMATS_OF_KIND)
def test_the_page_names_each_kind_beside_each_of_its_families(kind: str) -> None:
    """A table for people, held to the code: whoever has a family is named in its row, or in one that says "the same"."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `POST")]
    for family in families_of(kind):
        [row] = [row for row in rows if f"`{family}`" in row.split("|")[2]][:1]
        place = rows.index(row)
        named = row if "the same" not in row else row + rows[place - 1]
        assert re.search(rf"`{kind}`", named), (kind, family)


def test_a_call_is_asked_in_the_clients_format_or_in_the_kinds_first() -> None:
    """ "": the kind does not have the family."""
    assert format_for(formats_of("gemini"), "gemini_embed_content", "embeddings") == "gemini_embed_content"
    assert format_for(formats_of("gemini"), "openai_embeddings", "embeddings") == "gemini_batch_embed_contents"
    assert format_for(formats_of("anthropic"), "openai_embeddings", "embeddings") == ""
    assert format_for(formats_of("openai", is_compat=True), "openai_embeddings", "embeddings") == ""


@in_turn(
    ("model", "said"),
    [
        ("amazon.titan-embed-text-v2:0", "titan_embed"),
        ("us.cohere.embed-v4:0", "bedrock_cohere_embed"),
        ("cohere.rerank-v3-5:0", ""),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
    ],
)
def test_a_model_of_bedrock_embeds_in_its_own_format_or_not_at_all(model: str, said: str) -> None:
    """Its name tells."""
    assert BEDROCK.format_for("openai_embeddings", "embeddings", model=model) == said


@pytest.mark.parametrize(
    ("version", "path"), [("", b"/openai/v1/embeddings"), ("2024-10-21", b"/openai/deployments/mine/embeddings?api-version=2024-10-21")]
)
def test_azure_is_asked_at_its_deployment_by_a_dated_version(version: str, path: bytes) -> None:
    """As for chat."""
    azure = endpoint("azure_openai", base_url=Secret("https://r.openai.azure.com"))
    azure = with_version(azure, version) if version else azure
    assert request_target(azure, "openai_embeddings", "embeddings", model="mine") == path


def test_gemini_names_the_model_in_the_path() -> None:
    """Of either method."""
    gemini = endpoint("gemini")
    assert request_target(gemini, "gemini_embed_content", "embeddings", model="m") == b"/v1beta/models/m:embedContent"
    assert request_target(gemini, "gemini_batch_embed_contents", "embeddings", model="m") == b"/v1beta/models/m:batchEmbedContents"
