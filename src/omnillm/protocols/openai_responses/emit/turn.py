"""The assistant's turn, written as items: in a conversation for a provider, and in a reply for a client."""

from collections.abc import Callable
from typing import Any, ClassVar

from omnillm.model.message import Audio, MessagePart, Native, Refusal, Text
from omnillm.protocols.openai_responses.emit.parts import NO_MEMBER, item_members_of, write_native, write_output_text, write_refusal
from omnillm.protocols.openai_responses.parse.parts import IN_MESSAGE
from omnillm.protocols.openai_responses.place import Place

Item = dict[str, Any]


class Turn:
    """A text or a refusal stands in a message, which goes on while parts bear its id. Any other part is an item of its own."""

    __slots__ = ("_content", "_item_id", "_message", "items", "place")
    UNSAID: ClassVar[str]
    """Begins what is told of a part that has no place among the items."""
    UNHEARD: ClassVar[str]
    """What is told of sound without a transcript."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.items: list[Item] = []
        self._message: Item | None = None
        """The one that is being written, the last of the items."""
        self._item_id = ""
        self._content: list[Item] = []

    def write(self, parts: tuple[MessagePart, ...]) -> None:
        place = self.place
        for place.part, part in enumerate(parts):
            write = self.WRITERS.get(type(part))
            if write is None:
                place.drop("", f"{self.UNSAID} {part.__struct_config__.tag} in Responses")
            else:
                write(self, part)
        if self._message is not None:
            self.end_message()

    def begin_message(self, item_id: str) -> Item:
        """Return a message whose parts bear this id, and whose content is yet to come."""
        raise NotImplementedError

    def close_message(self) -> None:
        """See to the last item, a message: its content is there."""
        raise NotImplementedError

    def end_message(self) -> None:
        if self._message is not None:
            self._message = None
            self.close_message()

    def content_of(self, part: Any) -> list[Item]:
        """Return the content of the message that a part belongs to, which may be a new one."""
        item_id = part.item_id if type(part) is not Native else self._item_id
        if item_id != self._item_id:
            self.end_message()
        if self._message is None:
            self._item_id, self._content = item_id, []
            self._message = self.begin_message(item_id)
            self.items.append(self._message)
        if part.vendor_extensions:
            extend_item(self._message, item_members_of(part), self.place)
        return self._content

    def say(self, part: Text) -> None:
        self.content_of(part).append(write_output_text(part, self.place))

    def refuse(self, part: Refusal) -> None:
        self.content_of(part).append(write_refusal(part, self.place))

    def sound(self, part: Audio) -> None:
        """Only a transcript can be said."""
        if not part.transcript:
            self.place.drop("", self.UNHEARD)
            return
        self.place.approximate("", "sound, as its transcript")
        self.say(Text(text=part.transcript))

    def native(self, part: Native) -> None:
        written = write_native(part, self.place)
        if written is None:
            return
        if part.vendor_extensions == IN_MESSAGE:
            self.content_of(part).append(written)
        else:
            self.end_message()
            self.items.append(written)

    def add(self, item: Item, part: Any) -> None:
        """Add the item that a part is."""
        self.end_message()
        if part.vendor_extensions:
            extend_item(item, part.vendor_extensions, self.place)
        self.items.append(item)

    WRITERS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {Text: say, Refusal: refuse, Audio: sound, Native: native}


def extend_item(item: Item, more: Item, place: Place) -> None:
    """Add what an item says beside its typed members; its status may be another than completed."""
    if place.is_own and "status" in more:
        item["status"] = more["status"]
        more = {name: value for name, value in more.items() if name != "status"}
    place.add_extensions(item, more, place.here("."), NO_MEMBER)
