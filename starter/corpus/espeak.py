"""Speech by eSpeak NG with the times of its phones, through its C library's phoneme events.

Source: speak_lib.h of eSpeak NG 1.51. More than about 350 voice files in one process break the library, so a process
should speak with fewer.
"""

import ctypes

import numpy as np

from starter.corpus.phones import ESPEAK, Phone, joined

LIBRARY = "libespeak-ng.so.1"
_RETRIEVAL, _SYNCHRONOUS, _PHONEME_EVENTS = 1, 2, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_LIST_TERMINATED, _PHONEME = 0, 7
_UTF8 = 1


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, which may be opened once a process."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(LIBRARY)
        self.rate_hz = self.library.espeak_Initialize(_RETRIEVAL, 0, None, _PHONEME_EVENTS)
        self._callback = _Callback(self._hear)
        self.library.espeak_SetSynthCallback(self._callback)
        self._sound: list[np.ndarray] = []
        self._events: list[tuple[int, str]] = []

    def speak(self, text: str, voice: str, *, words_per_minute: int, pitch: int, pitch_range: int) -> "Spoken":
        """Samples in [-1, 1] at `rate_hz` and the phones in them."""
        self._sound, self._events = [], []
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise LookupError(f"eSpeak NG has no voice {voice!r}")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        sound = np.concatenate(self._sound).astype(np.float32) / 32768
        return sound, self._phones(len(sound))

    def _hear(self, samples: "ctypes._Pointer", count: int, events: "ctypes._Pointer") -> int:
        if samples and count:
            self._sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        place = 0
        while events[place].type != _LIST_TERMINATED:
            if events[place].type == _PHONEME:
                self._events.append((events[place].sample, events[place].id.string.decode(errors="replace")))
            place += 1
        return 0

    def _phones(self, samples: int) -> list[Phone]:
        ends = [sample for sample, _ in self._events[1:]] + [samples]
        phones: list[Phone] = []
        for (start, symbol), end in zip(self._events, ends, strict=True):
            phones += _shared(symbol, start / self.rate_hz, end / self.rate_hz)
        return joined(phones)


Spoken = tuple[np.ndarray, list[Phone]]


def _shared(symbol: str, start_s: float, end_s: float) -> list[Phone]:
    if symbol and symbol not in ESPEAK:
        raise LookupError(f"eSpeak NG's phoneme {symbol!r} is not in ESPEAK; add what it sounds like")
    names = ESPEAK[symbol] if symbol else ("sil",)
    part_s = (end_s - start_s) / max(1, len(names))
    return [Phone(start_s + i * part_s, start_s + (i + 1) * part_s, name) for i, name in enumerate(names)]
