"""Voices from files into the library: put together beside it, read strictly, and only then moved into it."""

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.errors import InputError, ModelError, OptionError, OutputError
from ultimate_rvc.names import safe_name, same_file_name
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.voices.archives import MAC_NOTES, Bounds, unpack
from ultimate_rvc.voices.kinds import ARCHIVES, CHECKPOINT, INDEX, SUFFIXES, kind_of, refuse_swollen
from ultimate_rvc.voices.library import VoiceFiles, choose, find_voice, is_checkpoint, is_index
from ultimate_rvc.voices.reading import VoiceInfo, describe
from ultimate_rvc.voices.staging import library_lock, put_in_place, without_folders, workshop

logger = logging.getLogger(__name__)

# Below this many files a folder is looked through; above, it is somebody's home and not a voice.
MOST_FILES = 10_000
# What uploaders call everything; the next name that is known says more.
EMPTY_NAMES = ("model", "models", "voice", "voices", "weights", "download", "file", "archive", "main", "final", "rvc")


@dataclass(frozen=True)
class Imported:
    """A voice that is in the library now, and the files of the source that are not."""

    voice: VoiceInfo
    folder: Path
    left_out: tuple[str, ...]


@dataclass
class _Heap:
    """What the sources hold that a voice can be made of; `names` are those that the voice could have."""

    files: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def import_voice(
    sources: Sequence[Path | str],
    *,
    name: str | None = None,
    overwrite: bool = False,
    also_called: Sequence[str] = (),
    on_progress: OnProgress = silent,
) -> Imported:
    """Makes one voice of the sources: .pth, .safetensors, .index, .zip, .tar.gz or folders; the sources stay.

    Without `name` it is called as the source, or as `also_called` where that says nothing ('model.zip'). An index
    alone joins the voice of the given name. Raises OptionError for a name that is taken or unfit and for sources that
    leave a choice, ModelError and its kinds with the reason for files that cannot be used, OutputError.
    """
    if name is not None:
        check_name(name)
        if not overwrite and not _only_indexes(sources):
            refuse_taken(name)
    with workshop(paths.voice_dirs()[0]) as shop:
        try:
            return _import(_Order(tuple(sources), name, overwrite, tuple(also_called)), shop, on_progress)
        except ModelError as error:
            raise without_folders(error, shop / "new", shop / "collected") from error


@dataclass(frozen=True)
class _Order:
    """What was asked for."""

    sources: tuple[Path | str, ...]
    name: str | None
    overwrite: bool
    also_called: tuple[str, ...]

    @property
    def told(self) -> str:
        """The sources, for errors."""
        return " and ".join(str(source) for source in self.sources)


def _import(order: _Order, shop: Path, on_progress: OnProgress) -> Imported:
    heap = _collect(order.sources, shop / "collected", on_progress)
    checkpoint, index = choose(heap.files, order.told)
    if checkpoint is None:
        checkpoint, order = _joined(order, heap)
    called = order.name or _best_name([*heap.names, checkpoint.stem, *order.also_called])
    if not order.overwrite:
        refuse_taken(called)
    files = _laid_out(VoiceFiles(called, checkpoint, index), shop, on_progress)
    voice = _described(files, on_progress)
    folder = _settle(shop / "new", called, order.overwrite)
    left_out = [path.name for path in heap.files if path not in (checkpoint, index)] + heap.left_out
    return Imported(_moved(voice, folder), folder, tuple(left_out))


def check_name(name: str) -> None:
    """Raises OptionError unless a voice's folder can be called so, on any system."""
    fit = safe_name(name)
    if fit != name:
        raise OptionError(f"{name!r} cannot be a voice's name; {fit!r} can")


def refuse_taken(name: str, *, but: Path | None = None) -> None:
    """Raises OptionError when a voice, or anything else in the voice folders, is called so."""
    taken = occupant(name)
    if taken is not None and taken != but:
        way = "overwrite it" if but is None else "delete that one first"
        way = "" if paths.is_shipped(taken) and but else f", or {way}"
        raise OptionError(f"there is a voice {taken.name!r} already ({taken}); choose another name{way}")


def occupant(name: str) -> Path | None:
    """What is called so in the voice folders, on a file system that ignores case too."""
    places = [place for place in paths.voice_dirs() if place.is_dir()]
    return next((path for place in places for path in place.iterdir() if same_file_name(path.name, name)), None)


def _described(files: VoiceFiles, on_progress: OnProgress) -> VoiceInfo:
    stage = f"read {files.name}"
    on_progress(Progress(stage, 0, 1))
    voice = describe(files)
    on_progress(Progress(stage, 1, 1))
    return voice


def _moved(voice: VoiceInfo, folder: Path) -> VoiceInfo:
    """The same voice after its folder was moved."""
    index = voice.index and replace(voice.index, path=folder / voice.index.path.name)
    return replace(voice, name=folder.name, path=folder / voice.path.name, index=index)


def _collect(sources: Sequence[Path | str], unpacked: Path, on_progress: OnProgress) -> _Heap:
    heap = _Heap()
    for source in (Path(source).expanduser() for source in sources):
        if source.is_dir():
            heap.files += _files_in(source)
            heap.names.append(source.resolve().name)
        elif source.is_file():
            _collect_file(source, unpacked, heap, on_progress)
        else:
            raise InputError(f"{source} does not exist; give a .pth, .safetensors, .index or .zip file, or a folder")
    return heap


def _files_in(folder: Path) -> list[Path]:
    """The files of a voice in a folder and the folders below it."""
    found, seen = [], 0
    for place, _, names in os.walk(folder):
        seen += len(names)
        if seen > MOST_FILES:
            raise InputError(f"{folder} holds more than {MOST_FILES:,} files; give the folder of one voice")
        if MAC_NOTES not in Path(place).parts:
            found += [Path(place, name) for name in names]
    return [path for path in found if is_checkpoint(path) or is_index(path)]


def _collect_file(source: Path, unpacked: Path, heap: _Heap, on_progress: OnProgress) -> None:
    kind = kind_of(source)
    if kind in ARCHIVES:
        result = unpack(source, unpacked, bounds=Bounds(), on_progress=on_progress)
        heap.files += result.files
        heap.left_out += result.left_in
        heap.names.append(_stem(source))
        if not result.files:
            raise ModelError(f"{source} holds no voice: {_what_instead(result.left_in, result.inner_archives)}")
        return
    heap.files.append(source if is_checkpoint(source) or is_index(source) else _renamed(source, unpacked, kind))


def _what_instead(left_in: Sequence[str], inner: Sequence[str]) -> str:
    if inner:
        return f"it holds the archive {inner[0]}; unpack it and import that"
    held = ", ".join(left_in[:5]) + (", …" if len(left_in) > 5 else "")
    return f"no .pth or .safetensors among its files ({held or 'it is empty'})"


def _renamed(source: Path, into: Path, kind: str) -> Path:
    """A copy that is called as what it is."""
    into.mkdir(exist_ok=True)
    return Path(shutil.copyfile(source, into / f"{safe_name(_stem(source))}{SUFFIXES[kind]}"))


def _stem(path: Path) -> str:
    """The name without what says that it is an archive or a model; other dots belong to the name."""
    name = path.name
    for suffix in (".tar.gz", ".tgz", ".tar", ".zip", ".pth", ".pt", ".safetensors", ".index", ".bin"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)] or name
    return name


def _best_name(names: Sequence[str]) -> str:
    """The first that says something."""
    telling = [name for name in names if name.casefold() not in EMPTY_NAMES]
    return safe_name((telling or list(names))[0])


def _only_indexes(sources: Sequence[Path | str]) -> bool:
    return all(Path(source).suffix.lower() == SUFFIXES[INDEX] for source in sources)


def _joined(order: _Order, heap: _Heap) -> tuple[Path, _Order]:
    """The checkpoint of the voice that an index alone is for, and the order to replace that voice's folder."""
    if not heap.files:
        raise ModelError(f"{order.told} holds no .pth or .safetensors file; give a voice's file, archive or folder")
    owner = order.name and occupant(order.name)
    if not owner:
        wanted = "give its .pth beside it, or --name the voice that it belongs to"
        raise OptionError(f"{order.told} is an index alone; {wanted}")
    voice = find_voice(owner.name)
    if voice.index is not None and not order.overwrite:
        raise OptionError(f"voice {voice.name!r} has the index {voice.index.name}; --overwrite takes the new one")
    return voice.checkpoint, replace(order, overwrite=True)


def _laid_out(files: VoiceFiles, shop: Path, on_progress: OnProgress) -> VoiceFiles:
    """The voice as its folder will be, in the workshop."""
    new = shop / "new"
    new.mkdir()
    wanted = [path for path in (files.checkpoint, files.index) if path is not None]
    for number, path in enumerate(wanted):
        on_progress(Progress("copy files", number, len(wanted)))
        _take(path, new / f"{safe_name(path.stem)}{path.suffix.lower()}", shop)
    on_progress(Progress("copy files", len(wanted), len(wanted)))
    checkpoint, index = choose(new.iterdir(), str(new))
    if checkpoint is None:
        raise OutputError(f"{new} was changed by somebody else; try again")
    if kind_of(checkpoint) == CHECKPOINT:
        refuse_swollen(checkpoint)
    return VoiceFiles(files.name, checkpoint, index)


def _take(path: Path, target: Path, shop: Path) -> None:
    """Moves what was unpacked, copies what is somebody's."""
    if path.is_relative_to(shop):
        os.rename(path, target)
    else:
        shutil.copyfile(path, target)


def _settle(new: Path, name: str, overwrite: bool) -> Path:
    """Into the library, under its name; a voice that is to be replaced keeps its place and its spelling."""
    place = paths.voice_dirs()[0]
    with library_lock(place):
        taken = occupant(name)
        if taken is not None and not overwrite:
            refuse_taken(name)
        if taken is not None and taken.parent != place:
            logger.warning("%s is hidden from now on by the voice of the same name in %s", taken, place)
        target = taken if taken is not None and taken.parent == place else place / name
        put_in_place(new, target)
    return target
