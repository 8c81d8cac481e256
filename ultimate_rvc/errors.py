"""Everything that this package raises on purpose.

UrvcError
├── InputError            what the user handed in cannot be used
│   ├── AudioError        an audio file or its samples
│   ├── OptionError       a value, a name or a combination of options (also a ValueError)
│   └── VoiceNotFound     no voice of that name
├── ModelError            a file of weights cannot be used
│   ├── CheckpointError   a voice: keys, shapes or values that do not fit
│   ├── UnsafePickleError a pickle that wants to run code
│   ├── IndexFileError    a retrieval index: unreadable, or not of this voice
│   └── WeightsNotFound   an encoder or predictor that is not here and cannot be fetched
├── DownloadError         the network or the server; what was fetched so far is kept
├── SpeechError           a speech engine that is not here, or failed
├── DeviceError           a device that is not there, or cannot do what was asked
├── MeasurementError      a process that was being measured ended, or failed
└── OutputError           a file that cannot be written; nothing is left half-written

A message is one line: the value, what was expected, and what to do.
"""


class UrvcError(Exception):
    """Root of the tree; front ends print its message and exit with 1."""


class InputError(UrvcError):
    """What the user handed in cannot be used."""


class AudioError(InputError):
    """An audio file that cannot be read, or samples that cannot be converted."""


class OptionError(InputError, ValueError):
    """An option's value, name or combination."""


class VoiceNotFound(InputError):
    """No voice of that name in the voice folders."""


class ModelError(UrvcError):
    """A file of weights that cannot be used."""


class CheckpointError(ModelError):
    """A voice whose keys, shapes or values do not fit."""


class UnsafePickleError(ModelError):
    """A pickle that wants to run code while it is read."""


class IndexFileError(ModelError):
    """A retrieval index that cannot be read or is not of this voice."""


class WeightsNotFound(ModelError):
    """An encoder or predictor that is not on this machine."""


class DownloadError(UrvcError):
    """A download that failed; the part that arrived is kept and resumed."""


class SpeechError(UrvcError):
    """A speech engine that is not on this machine, cannot be reached, or failed."""


class DeviceError(UrvcError):
    """A device that is not there or cannot do what was asked."""


class MeasurementError(UrvcError):
    """A process that was being measured ended or failed."""


class OutputError(UrvcError):
    """A file that cannot be written."""
