"""What the tests of virtual keys share: how keys are made and used."""

from typing import Any

from tests.journeys.running import Running
from tests.journeys.wire import Reply, admin, ask, exchange

KEYS = "/admin/v1/virtual-keys"
TEAM = "budgets: [{{name: team, scope: named, limit_usd: {limit}}}, "


def team(text: str, limit: str = "1000") -> str:
    """With a budget that keys may name."""
    return text.replace("budgets: [{name: everything", TEAM.format(limit=limit) + "{name: everything")


async def make(gateway: Running, name: str, **terms: Any) -> str:
    """Its secret."""
    made = await admin(gateway, "POST", KEYS, {"name": name, **terms})
    assert made.status == 201, made.body
    assert made.headers["cache-control"] == "no-store"
    return made.json["secret"]


async def call(gateway: Running, secret: str, **options: Any) -> Reply:
    return await exchange(gateway.port, ask("openai_chat", "Hello", key=secret, cap=20, **options))


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]["code"]
