"""Separation by a trained model, through audio-separator (Beveridge; the models of Ultimate Vocal Remover).

A model hears the track at 44.1 kHz, in stereo and at full scale, and gives the stem that was asked for; the rest is
the track without it. So the two add up to the track whatever the model does, and a stem never comes back louder or
quieter than it went in.
"""

from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory

import numpy as np

from ultimate_rvc import paths
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.separators import package
from ultimate_rvc.covers.separators.tasks import Task
from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.errors import ModelError
from ultimate_rvc.progress import OnProgress, silent

MODEL_RATE_HZ = 44_100
# How far a model's stem may be from the track's length; more than a model's rounding means that something is wrong.
LENGTH_SLACK_S = 0.1
VERSION = 1


@dataclass(frozen=True)
class ModelSeparator:
    """One model for one task."""

    task: Task
    model: str
    settings: package.Settings

    @property
    def name(self) -> str:
        """The model's file name without suffix."""
        return self.model.rsplit(".", 1)[0]

    @property
    def gives(self) -> tuple[StemName, ...]:
        """What the task asks for."""
        return self.task.gives

    def fingerprint(self, on_progress: OnProgress = silent) -> str:
        """Version of the package, settings, and a hash of the model's files, which are fetched when they are missing.

        Raises what `package.fetch` raises.
        """
        files = package.fetch(self.model, on_progress)
        return f"{VERSION} {self.task.taken} {package.version()} {asdict(self.settings)} {self.model} {files.digest()}"

    def separate(self, audio: Audio, on_progress: OnProgress = silent) -> dict[StemName, Audio]:
        """The stem, and the rest if it is wanted. Silence is not asked about: its stems are silent.

        Raises OptionError for an unknown model, WeightsNotFound, DownloadError or ModelError.
        """
        taken = self._taken(audio, on_progress) if audio.peak else np.zeros_like(audio.samples)
        stems = {self.task.taken: Audio(taken, audio.rate)}
        if self.task.rest:
            stems[self.task.rest] = Audio(audio.samples - taken, audio.rate)
        return stems

    def _taken(self, audio: Audio, on_progress: OnProgress) -> np.ndarray:
        """The stem [C, N] as long, as wide and as loud as it is in the audio."""
        import soundfile

        heard = _as_models_hear(audio)
        folder = paths.temp_dir()
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="separation-", dir=folder) as place:
            track = f"{place}/track.wav"
            soundfile.write(track, heard.samples.T / audio.peak, heard.rate, subtype="FLOAT")
            job = package.Job(self.model, track, self.task.stage, self.settings)
            stem = self.task.pick(package.stems_of(job, on_progress), self.model)
        return self._fitted(Audio(stem * np.float32(audio.peak), heard.rate), audio)

    def _fitted(self, stem: Audio, audio: Audio) -> np.ndarray:
        """The model's stem at the audio's rate, layout and length: cut at its end, or padded with zeros."""
        stem = stem.mono() if audio.channels == 1 else stem
        samples = resample(stem, audio.rate).samples
        missing = audio.length - samples.shape[1]
        if abs(missing) > LENGTH_SLACK_S * audio.rate or len(samples) != audio.channels:
            got, wanted = _shape(samples), _shape(audio.samples)
            raise ModelError(f"model {self.model!r} gave {got} instead of {wanted}; choose another model")
        if not np.isfinite(samples).all():
            raise ModelError(f"model {self.model!r} gave values that are not finite; try without half precision")
        return np.pad(samples, ((0, 0), (0, max(0, missing))))[:, : audio.length]


def _as_models_hear(audio: Audio) -> Audio:
    """In stereo at the models' rate."""
    at_rate = resample(audio, MODEL_RATE_HZ)
    return at_rate if at_rate.channels == 2 else Audio(np.repeat(at_rate.samples, 2, axis=0), at_rate.rate)


def _shape(samples: np.ndarray) -> str:
    return f"{samples.shape[0]} channels of {samples.shape[1]} samples"
