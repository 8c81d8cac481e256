"""What a training begins with: a pretrained voice and its judges, the field's or one's own.

models/rvc/pretraineds/VOCODER/f0G40k.pth, f0D40k.pth     downloaded when they are missing
models/rvc/pretraineds/custom/NAME/                       one G…pth and one D…pth in a folder
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.download import Wanted, download, holds_something
from ultimate_rvc.errors import WeightsNotFound
from ultimate_rvc.options_training import TrainingOptions
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.rvc.train.configuration import TrainingConfig
from ultimate_rvc.weights import RESOURCES, hub, offline_switch

# Where Ultimate RVC publishes them, by the vocoder's folder: which rates there are, of 768 features each.
PUBLISHED = {"hifi-gan": ("pretrained_v2", ("32k", "40k", "48k")), "refinegan": ("refinegan", ("32k",))}
CUSTOM_NAMES = {"G": re.compile(r"(G|f0G).*\.pth|.*G\.pth"), "D": re.compile(r"(D|f0D).*\.pth|.*D\.pth")}
FROM_SCRATCH = "train from scratch with --pretrained-type None"


@dataclass(frozen=True)
class Pretrained:
    """Files of a voice and of its judges."""

    generator: Path
    discriminator: Path


def pretrained_for(
    options: TrainingOptions, config: TrainingConfig, on_progress: OnProgress = silent
) -> Pretrained | None:
    """What the options ask for, downloaded where it must be; None from scratch.

    Raises WeightsNotFound where there is none, DownloadError or OutputError.
    """
    if options.pretrained_type == "None":
        return None
    if options.pretrained_type == "Custom":
        return custom(options.custom_pretrained or "")
    return _default(options.vocoder, config, on_progress)


def custom(name_or_path: str) -> Pretrained:
    """One's own, by its name or its folder. Raises WeightsNotFound that lists what there is."""
    own = paths.pretraineds_dir() / "custom"
    folder = next((at for at in (own / name_or_path, Path(name_or_path).expanduser()) if at.is_dir()), None)
    if folder is None:
        have = ", ".join(sorted(at.name for at in own.iterdir() if at.is_dir())) if own.is_dir() else ""
        raise WeightsNotFound(
            f"pretrained {name_or_path!r} is neither a folder nor a name in {own}; there is {have or 'nothing yet'}"
        )
    return Pretrained(_only(folder, "G"), _only(folder, "D"))


def _only(folder: Path, letter: str) -> Path:
    found = [file for file in sorted(folder.glob("*.pth")) if CUSTOM_NAMES[letter].fullmatch(file.name)]
    if len(found) != 1:
        told = ", ".join(file.name for file in found) or "none"
        raise WeightsNotFound(f"{folder} must hold one {letter}*.pth; it holds {told}")
    return found[0]


def _default(vocoder: str, config: TrainingConfig, on_progress: OnProgress) -> Pretrained:
    folder, rate = vocoder.lower(), f"{config.data.sample_rate // 1000}k"
    at = [paths.pretraineds_dir() / folder / f"f0{letter}{rate}.pth" for letter in "GD"]
    missing = [file for file in at if not holds_something(file)]
    if missing and config.version != "v2":
        raise WeightsNotFound(
            f"{missing[0]} is not there, and nobody publishes one for {config.version}; put it there, or {FROM_SCRATCH}"
        )
    for file in missing:
        _fetch(file, folder, rate, on_progress)
    return Pretrained(*at)


def _fetch(file: Path, folder: str, rate: str, on_progress: OnProgress) -> None:
    source, rates = PUBLISHED.get(folder, ("", ()))
    if rate not in rates:
        have = ", ".join(rates) or "no rate at all"
        raise WeightsNotFound(f"{file} is not there; it is published for {have}; put it there, or {FROM_SCRATCH}")
    url = f"{hub()}/{RESOURCES}/{source}/{file.name}"
    if switch := offline_switch():
        raise WeightsNotFound(
            f"{file} is not there, and {switch} forbids downloads; unset it, put {url} there, or {FROM_SCRATCH}"
        )
    download(Wanted(url, file, f"download {folder}/{file.name}"), on_progress)
