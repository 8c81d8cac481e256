"""One recording's slices on disk: filtered, brought to one level, cut, and written at the voice's rate and at 16 kHz.

The numbers are those of RVC tools: a Butterworth filter of order 5 at 48 Hz that runs forward only, and three quarters
of a level of 0.9 with one quarter of the recording's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.effects import reduce_noise
from ultimate_rvc.audio.file import replacing
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.audio.sound import Audio, amplitude
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.rvc.train.data.cuts import cuts_of
from ultimate_rvc.rvc.train.experiment import Experiment

HIGHPASS_ORDER, HIGHPASS_HZ = 5, 48.0
LEVEL, SHARE = 0.9, 0.75
# A slice that never rises above this is a rest; brought to one level, it would be noise as loud as the voice.
REST_DB = -60.0
FILTER_BLOCK_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Slice:
    """A slice's number in its recording and its samples [N] at the voice's rate; `is_rest` where nothing sounds."""

    number: int
    wav: np.ndarray
    is_rest: bool


def slices_of(audio: Audio, options: DatasetOptions) -> Iterator[Slice]:
    """A recording [C, N] at any rate → its slices, in order."""
    wav = prepared(audio, options)
    for cut in cuts_of(wav, options):
        piece = wav[cut.start : cut.stop]
        is_rest = float(np.abs(piece).max()) < amplitude(REST_DB)
        level = options.normalization_mode == "post" and not is_rest
        yield Slice(cut.number, levelled(piece) if level else piece, is_rest)


def prepared(audio: Audio, options: DatasetOptions) -> np.ndarray:
    """A recording [C, N] → [M] at the voice's rate, with what is done to it as a whole."""
    wav = resample(audio.mono(), options.sample_rate).samples[0]
    if options.filter_audio:
        wav = highpassed(wav, options.sample_rate)
    if options.normalization_mode == "pre":
        wav = levelled(wav)
    if options.clean_audio:
        wav = reduce_noise(Audio(wav, options.sample_rate), options.clean_strength).samples[0]
    return wav


def highpassed(wav: np.ndarray, rate: int) -> np.ndarray:
    """wav [N] → [N] without rumble; computed in double precision, block by block."""
    from scipy import signal

    sections = signal.butter(HIGHPASS_ORDER, HIGHPASS_HZ, "highpass", fs=rate, output="sos")
    state, out = np.zeros((len(sections), 2)), np.empty_like(wav)
    for start in range(0, len(wav), FILTER_BLOCK_SAMPLES):
        block = slice(start, start + FILTER_BLOCK_SAMPLES)
        out[block], state = signal.sosfilt(sections, wav[block].astype(np.float64), zi=state)
    return out


def levelled(wav: np.ndarray) -> np.ndarray:
    """wav [N] → [N], most of the way towards one peak; digital silence as it is."""
    peak = float(np.abs(wav).max(initial=0.0))
    return wav * np.float32(LEVEL * SHARE / peak + 1 - SHARE) if peak else wav


def write_slice(experiment: Experiment, name: str, wav: np.ndarray, rate: int) -> None:
    """Writes NAME.wav into both folders of slices. Raises OutputError."""
    at_16k = resample(Audio(wav, rate), SAMPLE_RATE_HZ).samples[0]
    write_wav(experiment.slices_16k / f"{name}.wav", at_16k, SAMPLE_RATE_HZ)
    write_wav(experiment.slices / f"{name}.wav", wav, rate)


def write_wav(path: Path, wav: np.ndarray, rate: int) -> None:
    """wav [N] as float32, which other RVC tools write too; libsndfile would put the hour into such a file."""
    from scipy.io import wavfile

    with replacing(path) as temporary:
        wavfile.write(temporary, rate, wav.astype(np.float32))
