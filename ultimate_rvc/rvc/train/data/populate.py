"""Gathers recordings into a dataset's folder, so that the steps of training find them by its name."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.audio.file import replacing
from ultimate_rvc.errors import InputError
from ultimate_rvc.rvc.train.experiment import plain_name


def populate_dataset(name: str, files: Sequence[Path]) -> Path:
    """Copies the files into the dataset of that name, which is made where it is missing, and returns its folder.

    A file of the same name is replaced. Every file is looked at before the first is copied: raises OptionError for a
    name that is no folder's, InputError for what is no file or for two files of one name, OutputError.
    """
    folder = dataset_folder(name)
    targets: dict[str, Path] = {}
    for file in files:
        _check(file, targets.setdefault(file.name, file))
    for file in files:
        if (folder / file.name).resolve() != file.resolve():
            with replacing(folder / file.name) as temporary:
                shutil.copyfile(file, temporary)
    return folder


def dataset_folder(name: str) -> Path:
    """The folder of the dataset of that name. Raises OptionError for a name that is none."""
    return paths.datasets_dir() / plain_name(name)


def _check(file: Path, namesake: Path) -> None:
    if not file.is_file():
        raise InputError(f"{str(file)!r} is not a file; name recordings")
    if file.resolve() != namesake.resolve():
        raise InputError(f"{file} and {namesake} have the same name; rename one of them")


def found_dataset(dataset: Path) -> Path:
    """The folder itself, or else the dataset of that name."""
    named = paths.datasets_dir() / dataset
    return named if not dataset.is_dir() and len(dataset.parts) == 1 and named.is_dir() else dataset
