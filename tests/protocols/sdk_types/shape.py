"""What a type of an official SDK allows: its members, and one value of each."""

import enum
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import get_type_hints, is_typeddict

UNIONS = (Union, types.UnionType)
LISTS = (list, tuple, set, Iterable, Sequence)
MAPS = (dict, Mapping)


class Member(NamedTuple):
    type: Any
    is_required: bool


class Variant(NamedTuple):
    """One value of a type that has something which its simplest value has not."""

    path: str
    value: Any


def bare(kind: Any) -> Any:
    """Without what says nothing of the value."""
    while True:
        origin = get_origin(kind)
        if origin in {Annotated, Required, NotRequired}:
            kind = get_args(kind)[0]
        elif type(kind).__name__ == "TypeAliasType":
            kind = kind.__value__
        elif (items := getattr(kind, "__orig_bases__", ())) and not is_typeddict(kind) and getattr(kind, "_is_protocol", False):
            return list[get_args(items[-1])[0]]
        else:
            return kind


@cache
def members(kind: Any) -> dict[str, Member] | None:
    """Of an object, by their names on the wire; None: it is none."""
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return {name: Member(bare(hint), _is_required(kind, name, hint)) for name, hint in hints.items()}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        return {field.alias or name: Member(bare(field.annotation), _is_told(field)) for name, field in fields.items()}
    return None


def _is_told(field: FieldInfo) -> bool:
    """Required, or its only word (Google's tags), which the SDK adds."""
    return field.is_required() or get_args(bare(field.annotation)) == (field.default,)


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    if get_origin(hint) is Required:
        return True
    if get_origin(hint) is NotRequired:
        return False
    owner = next((base for base in getattr(kind, "__orig_bases__", ()) if name in getattr(base, "__annotations__", {})), kind)
    return bool(owner.__total__)


@cache
def arms(kind: Any) -> list[Any]:
    """What it may be, each apart; null is nothing that a body says."""
    kind = bare(kind)
    if get_origin(kind) in UNIONS:
        return [arm for each in get_args(kind) if each is not type(None) for arm in arms(each)]
    return [kind]


class Samples(NamedTuple):
    """Values that a type alone does not tell, by the name of the member, or the name of its object and its own."""

    values: Mapping[str, Any]
    needed: Mapping[str, tuple[str, ...]] = {}
    """Members, by the name of their object, that are optional in the type and needed in truth."""
    least: Mapping[str, Any] = {}
    """Values of members where nothing is asked of these: what is commonest, or says least."""
    stand_ins: Mapping[str, Any] = {}
    """Types, by the name of the object and of its member, in place of one that says nothing (a bare `list`)."""
    skipped: frozenset[str] = frozenset()
    """Types by their names, and members by those of their objects and their own: what no body has, and what says nothing of its own."""

    def simplest(self, kind: Any, name: str = "", owner: str = "") -> Any:
        """The smallest value of the type: required members only."""
        for key in (f"{owner}.{name}", f"{owner.removeprefix('Beta')}.{name}", name):
            for known in (self.values, self.least):
                if key in known:
                    return known[key]
        kind = self._first(kind)
        origin = get_origin(kind)
        if words := _words(kind):
            return words[0]
        if origin in LISTS:
            return [self.simplest(get_args(kind)[0], name, owner)]
        if origin in MAPS:
            return {"zkey": self.simplest(get_args(kind)[1], name, owner)}
        inner = members(kind)
        if inner is not None:
            label = kind.__name__
            needed = self.needed.get(label, ())
            least = [each for each, member in inner.items() if member.is_required or each in needed]
            return {each: self.simplest(self.stand_ins.get(f"{label}.{each}", inner[each].type), each, label) for each in least}
        return _scalar(kind, name)

    def variants(self, kind: Any, name: str = "", owner: str = "", seen: tuple[Any, ...] = ()) -> Iterator[Variant]:
        """Every value with one thing more, at whatever depth."""
        if not self.values.keys().isdisjoint((f"{owner}.{name}", f"{owner.removeprefix('Beta')}.{name}", name)):
            yield Variant("", self.simplest(kind, name, owner))
            return
        choices = [arm for arm in arms(kind) if not self._is_skipped(arm)]
        for arm in choices:
            label = f"|{_label(arm)}" if len(choices) > 1 else ""
            for variant in self._of_arm(arm, name, owner, seen):
                yield Variant(label + variant.path, variant.value)

    def _of_arm(self, kind: Any, name: str, owner: str, seen: tuple[Any, ...]) -> Iterator[Variant]:
        origin = get_origin(kind)
        if words := _words(kind):
            yield from [Variant(f"={value}", value) for value in words]
        elif origin in LISTS:
            yield from [Variant(f"[]{path}", [value]) for path, value in self.variants(get_args(kind)[0], name, owner, seen)]
        elif origin in MAPS:
            yield from [Variant(f"{{}}{path}", {"zkey": value}) for path, value in self.variants(get_args(kind)[1], name, owner, seen)]
        elif (inner := members(kind)) is None:
            yield Variant("", _scalar(kind, name))
        else:
            label = kind.__name__
            least = self.simplest(kind)
            yield Variant("", least)
            if kind in seen:
                return
            for each, member in inner.items():
                if f"{label}.{each}" in self.skipped:
                    continue
                inner_kind = self.stand_ins.get(f"{label}.{each}", member.type)
                for path, value in self.variants(inner_kind, each, label, (*seen, kind)):
                    if least.get(each) != value:
                        yield Variant(f".{each}{path}", {**least, each: value})

    def _first(self, kind: Any) -> Any:
        return next(arm for arm in arms(kind) if not self._is_skipped(arm))

    def _is_skipped(self, kind: Any) -> bool:
        names = {base.__name__ for base in getattr(kind, "__mro__", ())} | {_label(kind), *map(_label, get_args(kind))}
        return not self.skipped.isdisjoint(names)


def _words(kind: Any) -> tuple[Any, ...]:
    """Those that it is one of, where it is one of a few."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(each.value for each in kind if not each.value.endswith("UNSPECIFIED"))
    return ()


def _label(kind: Any) -> str:
    inner = f"[{_label(get_args(kind)[0])}]" if get_origin(kind) in LISTS else ""
    return getattr(kind, "__name__", str(kind)) + inner


def _scalar(kind: Any, name: str) -> Any:
    if kind is bool:
        return True
    if kind is int:
        return 7321
    if kind is float:
        return 0.625
    if kind is object or kind is Any:
        return {"zmember": f"z{name}"}
    if kind is datetime:
        return "2026-01-02T03:04:05Z"
    if kind is bytes:
        return "emJ5dGVz"  # zbytes
    return f"z{name}"
