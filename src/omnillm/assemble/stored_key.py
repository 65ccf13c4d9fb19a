"""A virtual key of the ledger: how it is made and changed, and what it means under the configuration in force."""

import secrets
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from omnillm.assemble.parts import make_caller
from omnillm.config.checks import check_terms
from omnillm.config.problems import Problems
from omnillm.config.settings import BudgetSettings, Settings, VirtualKeyTerms
from omnillm.config.values import has_midnight
from omnillm.gateway.call import Caller
from omnillm.records import OwnBudget, VirtualKey
from omnillm.secret import Secret

PREFIX: Final = "sk-omni-"
SECRET_BYTES: Final = 32


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a secret: its digest, and which pepper that was made with."""

    digest: str
    pepper_id: str


def make_secret() -> Secret:
    """256 bits: nobody guesses one, so a fast digest protects it."""
    return Secret(PREFIX + secrets.token_urlsafe(SECRET_BYTES))


def issue(terms: VirtualKeyTerms, stamp: Stamp, wall_ms: int) -> VirtualKey:
    own = terms.budget
    return VirtualKey(
        name=terms.name,
        digest=stamp.digest,
        pepper_id=stamp.pepper_id,
        created_wall_ms=wall_ms,
        expires_wall_ms=int((terms.expires_wall or 0) * 1000),
        rpm=terms.rpm,
        tpm=terms.tpm,
        max_concurrency=terms.max_concurrency,
        models=terms.models,
        budgets=terms.budgets,
        budget=None
        if own is None
        else OwnBudget(limit_nanousd=own.limit_nanousd, period=own.period, is_hard=own.is_hard, tz=own.tz, warn_permille=own.warn_permille),
        tags=terms.tags,
        metadata=terms.metadata,
    )


def terms_of(key: VirtualKey) -> VirtualKeyTerms:
    """The key's terms, as the configuration would have them."""
    return VirtualKeyTerms(
        name=key.name,
        rpm=key.rpm,
        tpm=key.tpm,
        max_concurrency=key.max_concurrency,
        models=key.models,
        tags=key.tags,
        expires_wall=key.expires_wall_ms / 1000 or None,
        budgets=key.budgets,
        budget=msgspec.convert(key.budget, BudgetSettings, from_attributes=True) if key.budget is not None else None,
        metadata=key.metadata,
    )


def rotate(key: VirtualKey, stamp: Stamp, wall_ms: int, *, grace_ms: int) -> VirtualKey:
    """Give the key another secret. The present one stays good for `grace_ms`; one before that is good no longer."""
    return replace(
        key,
        digest=stamp.digest,
        pepper_id=stamp.pepper_id,
        rotated_wall_ms=wall_ms,
        previous_digest=key.digest if grace_ms else "",
        previous_until_wall_ms=wall_ms + grace_ms if grace_ms else 0,
    )


def change(key: VirtualKey, terms: VirtualKeyTerms) -> VirtualKey:
    """The same key with other terms: its secrets stay."""
    changed = issue(terms, Stamp(digest=key.digest, pepper_id=key.pepper_id), key.created_wall_ms)
    return replace(
        changed,
        revision=key.revision,
        rotated_wall_ms=key.rotated_wall_ms,
        previous_digest=key.previous_digest,
        previous_until_wall_ms=key.previous_until_wall_ms,
    )


def check_change(before: VirtualKeyTerms, after: VirtualKeyTerms, problems: Problems) -> None:
    """A key's own budget must stay, and keep its kind of period: for another it is not known what has been spent."""
    own, other = before.budget, after.budget
    if own is None:
        return
    if other is None:
        problems.add("budget", "stays as long as the key: with hard: false it only counts")
    elif _calendar(other) != _calendar(own):
        problems.add("budget", f"must keep its period and its time zone: {_calendar(own)}")


def _calendar(budget: BudgetSettings) -> str:
    """A budget's period, with the time zone where it begins at midnight."""
    return f"{budget.period}, {budget.tz}" if has_midnight(budget.period) else budget.period


def callers_of(key: VirtualKey, settings: Settings) -> Iterator[tuple[bytes, Caller]]:
    """The callers by its secret and, in the grace of a rotation, by the one before."""
    caller = make_caller(settings, terms_of(key))
    yield bytes.fromhex(key.digest), caller
    if key.previous_digest:
        until_wall = min(key.previous_until_wall_ms / 1000, caller.expires_wall)
        yield bytes.fromhex(key.previous_digest), replace(caller, expires_wall=until_wall)


def problems_of(key: VirtualKey, settings: Settings) -> list[str]:
    """Why it cannot be in force under this configuration, a sentence each. A revoked one only keeps its name."""
    which = f"the virtual key {key.name!r}, which the ledger keeps"
    if any(static.name == key.name for static in settings.virtual_keys):
        return [f"{which}, has the name of one in the file"]
    problems = Problems()
    if not key.revoked_wall_ms:
        check_terms(terms_of(key), "", settings, problems)
    return [f"{which}: {sentence}" for sentence in problems.sentences()]
