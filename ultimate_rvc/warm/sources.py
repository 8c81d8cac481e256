"""What may be handed over as sound: the path of a file, an Audio, or samples with their rate."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ultimate_rvc.audio.file import Audio, check_convertible, check_samples, load
from ultimate_rvc.errors import AudioError

Source: TypeAlias = str | Path | Audio | tuple[Any, int]

MAX_CHANNELS = 2
IN_MEMORY = "samples in memory"


def read(source: Source, rate_hz: int) -> Audio:
    """The sound, ready to be converted: files as mono at this rate, what is in memory as it is.

    Samples are float, full scale ±1, of shape [N] or [C, N] with C at most 2. Raises AudioError.
    """
    if isinstance(source, str | Path):
        audio, name = load(source, mono_rate=rate_hz), str(source)
    else:
        audio, name = _in_memory(source), IN_MEMORY
    check_convertible(audio, name)
    return audio


def _in_memory(source: Any) -> Audio:
    audio = source if isinstance(source, Audio) else _from_pair(source)
    check_samples(audio, IN_MEMORY)
    if audio.channels > MAX_CHANNELS:
        raise AudioError(f"samples have {audio.channels} channels; mix them down to mono or stereo")
    return audio


def _from_pair(source: Any) -> Audio:
    if not isinstance(source, tuple) or len(source) != 2 or not _is_rate(source[1]):
        raise AudioError(f"a {type(source).__name__} is no source; give a path, an Audio, or (samples, rate in Hz)")
    samples = np.asarray(source[0])
    if samples.dtype.kind != "f":
        raise AudioError(f"samples are {samples.dtype}; give floats whose full scale is ±1 (int16: divide by 32768)")
    if samples.ndim == 2 and samples.shape[0] > MAX_CHANNELS >= samples.shape[1]:
        raise AudioError(f"samples have the shape {samples.shape}; channels come first, so give samples.T")
    return Audio(samples, int(source[1]))


def _is_rate(rate: Any) -> bool:
    return isinstance(rate, int | np.integer) and not isinstance(rate, bool)
