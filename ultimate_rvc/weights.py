"""Weights that others trained, by name: which exist, where they lie on this machine, and how they get here.

    models/rvc/embedders/NAME/{config.json, pytorch_model.bin or model.safetensors}    content encoders
    models/rvc/embedders/custom/NAME/                                                  the user's own
    models/rvc/predictors/{rmvpe.pt, fcpe.pt}                                          pitch estimators
    embedders/starter/ in paths.shipped_dir()                                          comes with the program

HF_ENDPOINT names a mirror of huggingface.co; HF_HUB_OFFLINE=1 or URVC_OFFLINE=1 forbids the network.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultimate_rvc import paths
from ultimate_rvc.download import Wanted, download, holds_something
from ultimate_rvc.errors import OptionError, WeightsNotFound
from ultimate_rvc.options import EmbedderOptions, parse_bool
from ultimate_rvc.progress import OnProgress, silent

HUB = "https://huggingface.co"
RESOURCES = "JackismyShephard/ultimate-rvc/resolve/main/Resources"
# Where RVC's own makers have rmvpe.pt; they publish its hash too (sha256.env of their WebUI).
RVC_MAKERS = "lj1995/VoiceConversionWebUI/resolve/main"
RMVPE_SHA256 = "6d62215f4306e3ca278246188607209f09af3dc77ed4232efdd069798c4ec193"
OFFLINE_SWITCHES = ("URVC_OFFLINE", "HF_HUB_OFFLINE")
CONFIG_FILE = "config.json"
# What voices were trained with that do not say it.
USUAL_ENCODER = "contentvec"
# Either will do; the first is what the hub has.
WEIGHTS_FILES = ("pytorch_model.bin", "model.safetensors")


@dataclass(frozen=True)
class Encoder:
    """A content encoder: a folder, under the name that people already have it by."""

    name: str
    folder: str

    def places(self) -> list[Path]:
        """Folders in which it is looked for; the first one is where it is downloaded to."""
        spellings = dict.fromkeys((self.folder, self.folder.replace("_", "-"), self.folder.replace("-", "_")))
        return [paths.embedders_dir() / spelling for spelling in spellings]

    def found(self) -> Path | None:
        """The first folder that holds all of it."""
        return next((folder for folder in self.places() if not missing_files(folder)), None)

    def wanted(self) -> list[Wanted]:
        """The files to fetch."""
        at = self.places()[0]
        url = f"{hub()}/{RESOURCES}/embedders/{self.folder}"
        return [Wanted(f"{url}/{file}", at / file, f"download {self.name}/{file}") for file in missing_files(at)]


@dataclass(frozen=True)
class ShippedEncoder(Encoder):
    """An encoder that comes with the program."""

    def places(self) -> list[Path]:
        """The one folder in which it lies."""
        return [paths.shipped_dir() / "embedders" / self.folder]

    def wanted(self) -> list[Wanted]:
        """Raises WeightsNotFound: it can only be installed."""
        raise WeightsNotFound(f"{self.places()[0]} is part of the program and not complete; install the program again")


@dataclass(frozen=True)
class Predictor:
    """A pitch estimator's weights: one file of a repository, with its sha256 where its makers published it."""

    name: str
    file: str
    source: str
    sha256: str | None = None

    def places(self) -> list[Path]:
        """The one path at which it is looked for and to which it is downloaded."""
        return [paths.predictors_dir() / self.file]

    def found(self) -> Path | None:
        """Its path, if it is there."""
        return next((path for path in self.places() if holds_something(path)), None)

    def wanted(self) -> list[Wanted]:
        """The file to fetch."""
        return [Wanted(f"{hub()}/{self.source}", self.places()[0], f"download {self.name}", self.sha256)]


ENCODERS = (
    Encoder("contentvec", "contentvec"),
    Encoder("spin", "spin"),
    Encoder("spin-v2", "spin-v2"),
    Encoder("chinese-hubert-base", "chinese_hubert_base"),
    Encoder("japanese-hubert-base", "japanese_hubert_base"),
    Encoder("korean-hubert-base", "korean_hubert_base"),
    ShippedEncoder("starter", "starter"),
)
PREDICTORS = (
    Predictor("rmvpe", "rmvpe.pt", f"{RVC_MAKERS}/rmvpe.pt", RMVPE_SHA256),
    Predictor("fcpe", "fcpe.pt", f"{RESOURCES}/predictors/fcpe.pt"),
)
CATALOGUE: dict[str, Encoder | Predictor] = {entry.name: entry for entry in (*ENCODERS, *PREDICTORS)}


def find(name: str) -> Path | None:
    """Where the named weights lie on this machine: an encoder's folder or a predictor's file; None if nowhere."""
    return _entry(name).found()


def ensure(name: str, on_progress: OnProgress = silent) -> Path:
    """The named weights' place, downloaded first when they are missing.

    Raises OptionError for an unknown name, WeightsNotFound when offline, DownloadError or OutputError.
    """
    entry = _entry(name)
    if (found := entry.found()) is not None:
        return found
    switch = offline_switch()
    if switch:
        raise WeightsNotFound(_how_to_get(entry, switch))
    for wanted in entry.wanted():
        download(wanted, on_progress)
    return entry.places()[0]


def chosen_encoder(options: EmbedderOptions, on_progress: OnProgress = silent) -> Path:
    """The folder of the encoder that the options name, downloaded first when it is missing. Raises as the two do.

    Not of 'auto': that hangs on the voice, see `encoder_for_voice`.
    """
    if options.embedder_model != "custom":
        return ensure(options.embedder_model, on_progress)
    if not options.custom_embedder_model:
        raise OptionError("embedder 'custom' needs custom_embedder_model: a folder, or a name in embedders/custom")
    return custom_encoder(options.custom_embedder_model)


def encoder_for_voice(named: str | None, *, strict_parity: bool = False) -> EmbedderOptions:
    """What 'auto' means for a voice whose file names this encoder: itself if it is on this list or one's own.

    Else contentvec. Upstream takes that whatever a file names, and so does strict parity, but for a shipped one.
    """
    known = next((entry for entry in ENCODERS if entry.name == named), None)
    if isinstance(known, ShippedEncoder) or (known and not strict_parity):
        return EmbedderOptions(known.name)
    if not strict_parity and _is_own(named):
        return EmbedderOptions("custom", named)
    return EmbedderOptions(USUAL_ENCODER)


def _is_own(named: Any) -> bool:
    """Whether a folder of that name lies under embedders/custom; a path is no name."""
    plain = isinstance(named, str) and Path(named).name == named and not named.startswith(".")
    return plain and (paths.embedders_dir() / "custom" / named).is_dir()


def custom_encoder(name_or_path: str) -> Path:
    """The folder of the user's own encoder: a path, or a name under embedders/custom.

    Raises WeightsNotFound that lists what lies there, or names the files that the folder lacks.
    """
    own = paths.embedders_dir() / "custom"
    folder = next((at for at in (own / name_or_path, Path(name_or_path).expanduser()) if at.is_dir()), None)
    if folder is None:
        have = sorted(path.name for path in own.iterdir() if path.is_dir()) if own.is_dir() else []
        listed = f"there are {', '.join(have)}" if have else "none is there yet"
        raise WeightsNotFound(f"custom encoder {name_or_path!r} is neither a folder nor a name in {own}; {listed}")
    if lacking := missing_files(folder):
        also = f" (or {WEIGHTS_FILES[1]})" if WEIGHTS_FILES[0] in lacking else ""
        raise WeightsNotFound(f"encoder {folder} is incomplete: put {' and '.join(lacking)}{also} there")
    return folder


def missing_files(folder: Path) -> list[str]:
    """The files that an encoder's folder still lacks; none when it is complete."""
    ways = {CONFIG_FILE: (CONFIG_FILE,), WEIGHTS_FILES[0]: WEIGHTS_FILES}
    return [name for name, names in ways.items() if not any(holds_something(folder / n) for n in names)]


def _entry(name: str) -> Encoder | Predictor:
    if name not in CATALOGUE:
        raise OptionError(f"weights {name!r} are unknown; choose from {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def hub() -> str:
    """Hugging Face, or the mirror that HF_ENDPOINT names."""
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def offline_switch() -> str | None:
    """The variable that forbids the network, if one does."""
    return next((name for name in OFFLINE_SWITCHES if parse_bool(os.environ.get(name) or "0", name)), None)


def _how_to_get(entry: Encoder | Predictor, switch: str) -> str:
    looked = " nor at ".join(map(str, entry.places()))
    files = ", ".join(f"{wanted.url} as {wanted.target}" for wanted in entry.wanted())
    return f"{entry.name} is not at {looked}, and {switch} forbids downloads; unset it, or put {files}"
