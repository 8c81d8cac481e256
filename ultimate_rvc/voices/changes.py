"""What can be done to a voice of the library: another name, another format, or none any more."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultimate_rvc.errors import CheckpointError, OptionError
from ultimate_rvc.voices.importing import check_name, refuse_taken
from ultimate_rvc.voices.library import VoiceFiles, find_own_folder, find_voice, require_own
from ultimate_rvc.voices.reading import read_strictly
from ultimate_rvc.voices.staging import library_lock, workshop


@dataclass(frozen=True)
class Doomed:
    """What a deletion takes away."""

    name: str
    folder: Path
    files: int
    bytes: int


def rename(old: str, new: str) -> Path:
    """Gives the voice another name and returns its folder. Raises VoiceNotFound, OptionError, OutputError."""
    check_name(new)
    folder = find_own_folder(old)
    with workshop(folder.parent), library_lock(folder.parent):
        refuse_taken(new, but=folder)
        os.rename(folder, folder.with_name(new))
    return folder.with_name(new)


def weigh(name: str) -> Doomed:
    """What `delete` would take away. Raises VoiceNotFound."""
    folder = find_own_folder(name)
    files = [] if folder.is_symlink() else [path for path in folder.rglob("*") if path.is_file()]
    return Doomed(folder.name, folder, len(files), sum(path.lstat().st_size for path in files))


def delete(name: str) -> Path:
    """Deletes the voice's folder with everything in it; of a link to a folder, the link. Returns where it was."""
    folder = find_own_folder(name)
    with workshop(folder.parent) as shop, library_lock(folder.parent):
        os.rename(folder, shop / folder.name)
    return folder


def convert(name: str, *, keep: bool = False) -> Path:
    """Writes the voice as .safetensors beside its .pth, compares the two bit by bit, and removes the .pth.

    With `keep` the .pth stays; the .safetensors is the one that is used then. Returns the new file.
    Raises VoiceNotFound, OptionError for a voice that is .safetensors already, CheckpointError.
    """
    from ultimate_rvc.rvc.synth.checkpoint import read_fields, save_safetensors

    files = find_voice(name)
    require_own(files.checkpoint.parent)
    old, target = files.checkpoint, files.checkpoint.with_suffix(".safetensors")
    if old.suffix.lower() == ".safetensors":
        raise OptionError(f"voice {name!r} is .safetensors already ({old})")
    read_strictly(files)
    with workshop(old.parent) as shop:
        fields = read_fields(old)
        save_safetensors(fields, shop / target.name)
        _compare(fields, read_fields(shop / target.name), old)
        read_strictly(VoiceFiles(files.name, shop / target.name, None))
        os.replace(shop / target.name, target)
    if not keep:
        old.unlink()
    return target


def _compare(written: Mapping[str, Any], read: Mapping[str, Any], path: Path) -> None:
    """Raises CheckpointError unless every weight has the same type, shape and bits and every field is equal."""
    unequal = [key for key in written.keys() | read.keys() if not _same_field(key, written, read)]
    if unequal:
        raise CheckpointError(f"{path} cannot be kept as .safetensors without a loss: {', '.join(sorted(unequal))}")


def _same_field(key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if key not in one or key not in other:
        return False
    if key != "weight":
        return _as_lists(one[key]) == _as_lists(other[key])
    return one[key].keys() == other[key].keys() and all(_same_bits(t, other[key][k]) for k, t in one[key].items())


def _same_bits(one: Any, other: Any) -> bool:
    import torch

    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    # As bytes, so that two NaN are the same and 0 and -0 are not.
    pair = (tensor.contiguous().flatten().view(torch.uint8) for tensor in (one, other))
    return torch.equal(*pair)


def _as_lists(value: Any) -> Any:
    """JSON has no tuples."""
    if isinstance(value, list | tuple):
        return [_as_lists(item) for item in value]
    return {key: _as_lists(item) for key, item in value.items()} if isinstance(value, dict) else value
