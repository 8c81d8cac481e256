"""Where a training lies on disk, as RVC tools lay it out, so that either can go on with what the other began.

    rvc/training/NAME/
      model_info.json           sample_rate, total_dataset_duration, embedder_model, speakers_id
      dataset.json              what became of each recording, and which slices it gave
      config.json               the configuration of the rate: train, data, model
      sliced_audios/            SID_FILE_SLICE.wav at the training's rate
      sliced_audios_16k/        the same slices at 16 kHz
      f0_METHOD/                SID_FILE_SLICE.wav.npy, coarse pitch, integers [F]
      f0_METHOD_voiced/         SID_FILE_SLICE.wav.npy, Hz [F]
      EMBEDDER_extracted/       SID_FILE_SLICE.npy, content features [L, D]
      mute/                     a slice of silence in folders of the same names
      filelist.txt              audio|features|coarse pitch|pitch|speaker, a line per slice
      G_*.pth, D_*.pth          checkpoints; the number is that of the epoch
      NAME_best.pth, NAME.index what is exported

Source: Ultimate RVC 0.6's folders.
"""

from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.errors import OptionError


@dataclass(frozen=True)
class Experiment:
    """The folder of one training. Its properties name files; nothing is made or read here."""

    folder: Path

    @classmethod
    def named(cls, name: str) -> "Experiment":
        """The training of this name below `paths.training_dir()`. Raises OptionError for a name that is no folder's."""
        return cls(paths.training_dir() / plain_name(name))

    @property
    def name(self) -> str:
        """What the exported voice is called."""
        return self.folder.name

    @property
    def info(self) -> Path:
        """Facts about the dataset."""
        return self.folder / "model_info.json"

    @property
    def dataset_report(self) -> Path:
        """What became of each recording."""
        return self.folder / "dataset.json"

    @property
    def config(self) -> Path:
        """Hyperparameters."""
        return self.folder / "config.json"

    @property
    def slices(self) -> Path:
        """Slices at the training's own rate."""
        return self.folder / "sliced_audios"

    @property
    def slices_16k(self) -> Path:
        """Slices at 16 kHz, for pitch and content."""
        return self.folder / "sliced_audios_16k"

    def coarse(self, f0_method: str) -> Path:
        """Pitch in 1..255."""
        return self.folder / f"f0_{f0_method}"

    def pitch(self, f0_method: str) -> Path:
        """Pitch in Hz, 0 where unvoiced."""
        return self.folder / f"f0_{f0_method}_voiced"

    def features(self, embedder: str) -> Path:
        """Content features."""
        return self.folder / f"{embedder}_extracted"

    @property
    def mute(self) -> "Experiment":
        """The slice of silence, with its own features."""
        return Experiment(self.folder / "mute")

    @property
    def filelist(self) -> Path:
        """What is trained on."""
        return self.folder / "filelist.txt"

    @property
    def best(self) -> Path:
        """The exported voice."""
        return self.folder / f"{self.name}_best.pth"

    @property
    def index(self) -> Path:
        """The exported index."""
        return self.folder / f"{self.name}.index"


def plain_name(name: str) -> str:
    """A name that may be a folder's, without spaces around it. Raises OptionError for a path and for none at all."""
    plain = name.strip()
    if not plain or plain.startswith(".") or set(plain) & set("/\\|"):
        raise OptionError(f"the name {name!r} is no folder's; leave out paths, '|' and a dot at its start")
    return plain
