"""The one thing that owns weights, lent to one caller at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ultimate_rvc.errors import OptionError
from ultimate_rvc.progress import OnProgress, silent

if TYPE_CHECKING:
    from ultimate_rvc.rvc.infer.infer import VoiceConverter


class Engine:
    """A device, and the encoders, pitch estimators, voices and indexes that were loaded onto it.

    Opening one chooses and proves the device, and loads no weights. Several Converters may share one; when the last
    of them is closed, everything that was loaded is put away. Raises OptionError or DeviceError.
    """

    def __init__(self, arguments: Mapping[str, Any], preset: Mapping[str, Any] | None = None):
        """`arguments` go before RVC_* variables, these before the preset, and that before the device's default.

        The preset may hold other options too; they are the defaults of whoever uses the engine.
        """
        from ultimate_rvc.rvc.infer.infer import VoiceConverter
        from ultimate_rvc.rvc.infer.optimization import resolve

        self.preset = dict(preset or {})
        self.optimization = resolve(arguments, preset)
        self._converter: VoiceConverter | None = VoiceConverter(self.optimization)
        # The same thread may come in twice: a cover lends the engine to the conversion inside it.
        self._lock = RLock()
        self._users: WeakSet[Any] = WeakSet()

    @property
    def device(self) -> str:
        """The device for people: its name and memory."""
        with self.lent() as converter:
            return converter.device.description

    @contextmanager
    def lent(self, on_progress: OnProgress = silent) -> Iterator["VoiceConverter"]:
        """The engine for as long as the block lasts; other threads wait. Raises OptionError when it was closed."""
        with self._lock:
            if self._converter is None:
                raise OptionError("this Converter was closed; make a new one")
            before, self._converter.on_progress = self._converter.on_progress, on_progress
            try:
                yield self._converter
            finally:
                # A listener may have closed it in the meantime.
                if self._converter:
                    self._converter.on_progress = before

    def join(self, user: Any) -> None:
        """Notes that the user keeps the engine open."""
        self._users.add(user)

    def leave(self, user: Any) -> None:
        """The user is done; the last one puts everything away."""
        with self._lock:
            self._users.discard(user)
            if not self._users:
                self.close()

    def close(self) -> None:
        """Puts everything away and gives the memory back, whoever still uses it; a second time does nothing."""
        with self._lock:
            if self._converter:
                self._converter.cleanup_model()
            self._converter = None
