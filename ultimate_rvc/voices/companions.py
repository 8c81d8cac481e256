"""What voices sing with: content encoders and pitch estimators that lie on this machine, the user's own among them."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultimate_rvc import paths, weights
from ultimate_rvc.errors import CheckpointError, ModelError, OptionError, WeightsNotFound
from ultimate_rvc.names import safe_name, same_file_name
from ultimate_rvc.voices.reading import Verdict, fingerprint, judge
from ultimate_rvc.voices.staging import library_lock, put_in_place, without_folders, workshop

EMBEDDERS, PREDICTORS = "embedders", "predictors"
CUSTOM = "custom"


@dataclass(frozen=True)
class Companion:
    """An encoder's folder or an estimator's file; `place` is None where it is not on this machine."""

    name: str
    kind: str
    place: Path | None
    is_custom: bool = False

    @property
    def weights_file(self) -> Path | None:
        """The file that holds its numbers."""
        if self.place is None or self.kind == PREDICTORS:
            return self.place
        # Safetensors first, as the engine reads them.
        files = (self.place / name for name in reversed(weights.WEIGHTS_FILES))
        return next((path for path in files if path.is_file()), None)

    @property
    def bytes(self) -> int:
        """The size of its weights, 0 where there are none."""
        return self.weights_file.stat().st_size if self.weights_file else 0

    @property
    def own_folder(self) -> Path:
        """The folder of the models directory that it may be deleted from."""
        return paths.embedders_dir() if self.kind == EMBEDDERS else paths.predictors_dir()


@dataclass(frozen=True)
class CompanionInfo:
    """A companion that was found; `fingerprint` is the sha256 of its weights, `details` what its configuration says."""

    name: str
    kind: str
    place: Path
    bytes: int
    is_custom: bool
    fingerprint: str
    details: dict[str, Any]


def list_companions(kind: str) -> list[Companion]:
    """Every embedder or predictor that is known by name, here or not, and the user's own."""
    if kind == PREDICTORS:
        from ultimate_rvc.rvc.pitch.files import SOURCES, weights_file

        return [Companion(name, kind, weights_file(name)) for name in SOURCES]
    known = [Companion(entry.name, kind, entry.found()) for entry in weights.ENCODERS]
    own = paths.embedders_dir() / CUSTOM
    folders = sorted(path for path in own.iterdir() if _is_encoder(path)) if own.is_dir() else []
    return known + [Companion(path.name, kind, path, is_custom=True) for path in folders]


def find_companion(kind: str, name: str) -> Companion:
    """The one of that name, on this machine. Raises OptionError for an unknown name, WeightsNotFound."""
    every = list_companions(kind)
    found = next((one for one in every if one.name == name), None)
    if found is None:
        raise OptionError(f"{kind[:-1]} {name!r} is unknown; choose from {', '.join(one.name for one in every)}")
    if found.place is None:
        raise WeightsNotFound(f"{kind[:-1]} {name!r} is not on this machine; get it with 'urvc models fetch {name}'")
    return found


def inspect_companion(kind: str, name: str) -> CompanionInfo:
    """What is known of an embedder or predictor. Raises as `find_companion` does."""
    one = find_companion(kind, name)
    file = _require_weights(one)
    details = _encoder_details(one.place) if kind == EMBEDDERS else {}
    return CompanionInfo(one.name, kind, one.place, one.bytes, one.is_custom, fingerprint(file), details)


def verify_companion(kind: str, name: str) -> Verdict:
    """Whether it can be read and fits the network that it is for; a published sha256 is compared too."""
    return _verdict_on(find_companion(kind, name))


def verify_companions(kind: str) -> list[Verdict]:
    """A verdict for each that lies on this machine."""
    return [_verdict_on(one) for one in list_companions(kind) if one.place is not None]


def delete_companion(kind: str, name: str) -> Path:
    """Deletes the encoder's folder or the estimator's file; returns where it was.

    Raises OptionError for one that is part of this program or of a Python package.
    """
    one = find_companion(kind, name)
    if paths.is_shipped(one.place):
        raise OptionError(f"{kind[:-1]} {name!r} comes with the program ({one.place}) and stays as it is")
    if not one.place.is_relative_to(one.own_folder):
        raise OptionError(f"{one.place} is part of a Python package; uninstall that instead")
    with workshop(one.place.parent) as shop:
        one.place.rename(shop / one.place.name)
    return one.place


def import_encoder(folder: Path | str, *, name: str | None = None, overwrite: bool = False) -> Path:
    """Copies a content encoder's folder to embedders/custom/NAME after it was read, and returns that place.

    Raises OptionError for a name that is taken or unfit, WeightsNotFound, CheckpointError or UnsafePickleError.
    """
    source = Path(folder).expanduser()
    called = _fit_name(name, source)
    own = paths.embedders_dir() / CUSTOM
    with workshop(own) as shop:
        new = shop / "new"
        _copy_encoder(source, new)
        try:
            _read_encoder(new)
        except ModelError as error:
            raise without_folders(error, new) from error
        with library_lock(own):
            target = _free_place(own, called, overwrite)
            put_in_place(new, target)
    return target


def _is_encoder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _require_weights(one: Companion) -> Path:
    if one.weights_file is None:
        raise WeightsNotFound(f"{one.place} is incomplete: put {' or '.join(weights.WEIGHTS_FILES)} there")
    return one.weights_file


def _encoder_details(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / weights.CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / weights.CONFIG_FILE} cannot be read; fetch or import it again") from error
    wanted = ("model_type", "num_hidden_layers", "hidden_size", "num_attention_heads")
    return {key: config[key] for key in wanted if key in config}


def _verdict_on(one: Companion) -> Verdict:
    read = (lambda: _read_encoder(one.place)) if one.kind == EMBEDDERS else (lambda: _read_predictor(one))
    return judge(one.name, one.place, read)


def _read_encoder(folder: Path) -> None:
    from ultimate_rvc.rvc.embed.hubert import load_encoder

    if lacking := weights.missing_files(folder):
        raise WeightsNotFound(f"{folder} is incomplete: it lacks {' and '.join(lacking)}")
    load_encoder(folder, "cpu")


def _read_predictor(one: Companion) -> None:
    import torch

    from ultimate_rvc.rvc.pitch.registry import load

    entry = weights.CATALOGUE.get(one.name)
    expected = getattr(entry, "sha256", None)
    if expected and fingerprint(one.place) != expected:
        raise CheckpointError(f"{one.place} is not the file that its makers published; delete it and fetch it again")
    load(one.name, torch.device("cpu"), one.place)


def _fit_name(name: str | None, source: Path) -> str:
    if not source.is_dir():
        raise OptionError(f"{source} is no folder; an embedder is one with config.json and its weights")
    called = name if name is not None else source.resolve().name
    fit = safe_name(called)
    if name is not None and fit != name:
        raise OptionError(f"{name!r} cannot be an embedder's name; {fit!r} can")
    if fit in weights.CATALOGUE:
        raise OptionError(f"{fit!r} is the name of an embedder that everybody knows; choose another name for your own")
    return fit


def _copy_encoder(source: Path, new: Path) -> None:
    if lacking := weights.missing_files(source):
        raise WeightsNotFound(f"encoder {source} is incomplete: it lacks {' and '.join(lacking)}")
    new.mkdir()
    for name in (weights.CONFIG_FILE, *weights.WEIGHTS_FILES):
        if (source / name).is_file():
            shutil.copyfile(source / name, new / name)


def _free_place(own: Path, name: str, overwrite: bool) -> Path:
    taken = next((path for path in own.iterdir() if same_file_name(path.name, name)), None)
    if taken is not None and not overwrite:
        raise OptionError(f"there is an embedder {taken.name!r} already; choose another name, or --overwrite {taken}")
    return taken or own / name
