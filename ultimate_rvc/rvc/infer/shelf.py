"""What was loaded stays loaded: weights and indexes, by key."""

from collections.abc import Callable, Hashable
from typing import Any


class Shelf:
    """The last few things of each kind; making one more puts the oldest away, so that memory stays bounded."""

    def __init__(self, room: int = 4):
        self.room = room
        self._things: dict[str, dict[Hashable, Any]] = {}

    def get(self, kind: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """The thing of this kind and key, made on first use."""
        things = self._things.setdefault(kind, {})
        if key not in things:
            things[key] = make()
        things[key] = things.pop(key)  # the newest is the last
        while len(things) > self.room:
            things.pop(next(iter(things)))
        return things[key]

    def clear(self) -> None:
        """Puts everything away."""
        self._things.clear()
