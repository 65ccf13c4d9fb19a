"""Whose price list counts for an OpenAI-compatible host. Its address tells who bills; its kind does not."""

from collections.abc import Mapping
from typing import Final

SECTIONS: Final[Mapping[str, str]] = {
    "ai-gateway.vercel.sh": "vercel_ai_gateway",
    "api.ai21.com": "ai21",
    "api.anthropic.com": "anthropic",
    "api.cerebras.ai": "cerebras",
    "api.cognition.ai": "cognition",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepinfra.com": "deepinfra",
    "api.deepseek.com": "deepseek",
    "api.eu.mistral.ai": "mistral",
    "api.fireworks.ai": "fireworks",
    "api.friendli.ai": "friendliai",
    "api.gmi-serving.com": "gmi",
    "api.groq.com": "groq",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.inceptionlabs.ai": "inception",
    "api.inference.crusoecloud.com": "crusoe",
    "api.inference.wandb.ai": "wandb",
    "api.lambda.ai": "lambda_ai",
    "api.longcat.chat": "longcat",
    "api.meta.ai": "meta",
    "api.minimax.io": "minimax",
    "api.mistral.ai": "mistral",
    "api.moonshot.ai": "moonshot",
    "api.moonshot.cn": "moonshot",
    "api.morphllm.com": "morph",
    "api.novita.ai": "novita",
    "api.openai.com": "openai",
    "api.perplexity.ai": "perplexity",
    "api.sakana.ai": "sakana",
    "api.sambanova.ai": "sambanova",
    "api.scaleway.ai": "scaleway",
    "api.stepfun.ai": "stepfun",
    "api.studio.nebius.ai": "nebius",
    "api.studio.nebius.com": "nebius",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.upstage.ai": "upstage",
    "api.us.mistral.ai": "mistral",
    "api.v0.dev": "v0",
    "api.voyageai.com": "voyage",
    "api.x.ai": "xai",
    "api.xiaomimimo.com": "xiaomi_mimo",
    "api.z.ai": "zai",
    "ark.ap-southeast.bytepluses.com": "byteplus",
    "dashscope-intl.aliyuncs.com": "dashscope",
    "dashscope.aliyuncs.com": "dashscope",
    "generativelanguage.googleapis.com": "gemini",
    "inference.api.nscale.com": "nscale",
    "inference.baseten.co": "baseten",
    "oai.endpoints.kepler.ai.cloud.ovh.net": "ovhcloud",
    "open.bigmodel.cn": "bigmodel",
    "openrouter.ai": "openrouter",
    "us.api.x.ai": "xai",
}
"""Host -> section of the price list. Exact names only."""
_OWN_HOSTS: Final[Mapping[str, str]] = {"ap-southeast-1.maas.aliyuncs.com": "dashscope"}
"""The rest of a host whose first label is an account's own -> section. Alibaba's other regions have other prices."""
_NO_ACCOUNTS: Final = frozenset({"token-plan"})
"""First labels of hosts that are paid by the month."""


def section_of(kind: str, host: str) -> str:
    """The section of a provider: its kind's, or its host's where the kind is anybody's."""
    if kind != "openai_compatible":
        return kind
    account, _, rest = host.partition(".")
    return SECTIONS.get(host) or (kind if account in _NO_ACCOUNTS else _OWN_HOSTS.get(rest, kind))
