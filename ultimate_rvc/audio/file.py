"""Audio files in and out: what cannot be used is refused at the door, and a file is there whole or not at all."""

import errno
import logging
import math
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from ultimate_rvc.audio.decode import NARROW_BAND, Wanted, check_channels, decode
from ultimate_rvc.audio.encode import Details, encode, fitted, format_of, held_kbps, settle
from ultimate_rvc.audio.metadata import checked, read_metadata
from ultimate_rvc.audio.sound import Audio, amplitude
from ultimate_rvc.errors import AudioError, OutputError
from ultimate_rvc.options import check_bitrate

__all__ = ["Audio", "check_convertible", "check_samples", "load", "read_metadata", "replacing", "save"]

logger = logging.getLogger(__name__)

# Ten periods of the lowest pitch that is looked for (50 Hz) do not fit into less, and nobody sings a shorter note.
MIN_DURATION_S = 0.1
# Three steps of a 16-bit file: nothing that could be called a voice.
SILENCE_DB = -80.0
# The engine listens at 16 kHz; a slower file lacks some of what it listens to.
FULL_BAND_RATE_HZ = 16_000


def load(path: Path | str, *, mono_rate: int | None = None, longest_s: float = math.inf) -> Audio:
    """Reads any audio file (wav flac mp3 ogg m4a aac opus webm mp4 …) as it is: [C, N], C 1 or 2, at its own rate.

    With mono_rate, its channels' mean at that rate, made while it is read: an hour then takes 230 MB at 16 kHz.
    Raises AudioError, one line, for what is no file, no audio, empty, cut off, not finite, beyond stereo or too long.
    """
    path = Path(path)
    _check_readable(path)
    audio = decode(path, Wanted(mono_rate, longest_s))
    check_samples(audio, str(path))
    return audio


def save(
    audio: Audio, path: Path | str, *, bitrate_kbps: int | None = None, metadata: Mapping[str, str] | None = None
) -> Path:
    """Writes the format of path's suffix (see `encode`) and returns path; its folder is made where it is missing.

    `metadata` holds texts under the names of `metadata.FIELDS`; who wrote the file is then added. The same samples and
    metadata give the same bytes.

    The file appears under its name only when it is whole and on disk; what was there before is kept until then. Raises
    OptionError for an unknown suffix or bitrate, AudioError for samples that no file can hold, OutputError when the
    system refuses.
    """
    path = Path(path)
    fmt = format_of(path)
    check_bitrate(fmt.name, bitrate_kbps)
    about = checked(metadata)
    check_channels(str(path), audio.channels)
    check_samples(audio, str(path))
    fitting = fitted(audio, fmt)
    with replacing(path) as temporary:
        encode(fitting, temporary, fmt, Details(held_kbps(fitting, fmt, bitrate_kbps), about))
    return path


def check_samples(audio: Audio, name: str) -> None:
    """Raises AudioError unless there are samples and all are finite."""
    if audio.length == 0:
        raise AudioError(f"{name!r} holds no samples; choose a recording that has a length")
    finite = np.isfinite(audio.samples)
    if finite.all():
        return
    first_s = int(np.argmin(finite.all(axis=0))) / audio.rate
    raise AudioError(
        f"{name!r} has {finite.size - np.count_nonzero(finite)} samples that are not finite numbers (NaN or infinite), "
        f"the first at {first_s:.3f} s; export it again, or cut that place out"
    )


def check_convertible(audio: Audio, name: str) -> None:
    """The conversion's door. Raises AudioError for what is too short or silent; warns of a narrow band."""
    if audio.duration_s < MIN_DURATION_S:
        raise AudioError(
            f"{name!r} lasts {1000 * audio.duration_s:.0f} ms; a voice needs at least {1000 * MIN_DURATION_S:.0f} ms"
        )
    if audio.peak < amplitude(SILENCE_DB):
        raise AudioError(f"{name!r} is silent (its peak is below {SILENCE_DB:g} dB); choose a track with a voice on it")
    if audio.rate < FULL_BAND_RATE_HZ:
        logger.warning(NARROW_BAND, name, audio.rate, audio.rate // 2)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` when the block ends well, and is removed when it does not.

    Raises OutputError for any OSError of the block, with the reason and what to do.
    """
    temporary = path.with_name(f".{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        settle(temporary)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{str(path)!r} cannot be written: {_reason(error)}; {_advice(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "make room there, or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "choose a folder that you may write to"
    return "choose another name or folder"


def _check_readable(path: Path) -> None:
    name = repr(str(path))
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
    except FileNotFoundError as error:
        raise AudioError(f"{name} does not exist; check the name and the folder") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{name} cannot be read ({_reason(error)}); check its name and permissions") from error
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{name} is {_kind(status.st_mode)}, not a file; name an audio file")
    if status.st_size == 0:
        raise AudioError(f"{name} is empty (0 bytes); copy, download or export it again")


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
