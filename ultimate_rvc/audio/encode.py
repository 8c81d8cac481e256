"""Samples to any audio file that people ask for.

wav, flac and ogg are written by libsndfile, mp3, m4a and aac by FFmpeg through PyAV. wav and flac hold 16 bits, which
every player and editor opens; mp3 (LAME) and aac are written at a constant 256 kbit/s, ogg is Vorbis at quality 8,
about as much.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ultimate_rvc.audio.ogg import fix_serial
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.audio.sound import Audio, decibels
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import BITRATES_KBPS

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

BLOCK_FRAMES = 1 << 16
DEFAULT_BITRATE_KBPS = 256
MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
AAC_RATES_HZ = (*MP3_RATES_HZ, 64_000, 88_200, 96_000)
# Vorbis: quality -0.1 … 1, and the bitrate of a stereo file at 44.1 kHz that it leads to (the encoder's own table).
VORBIS_QUALITY = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
VORBIS_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)

# FFmpeg's AVFMT_FLAG_BITEXACT.
BITEXACT_FLAG = 0x400
# The names that libsndfile has for what a file says about itself, where they are not ours.
SNDFILE_NAMES = {"encoder": "software"}


@dataclass(frozen=True)
class Details:
    """What a file is besides its samples."""

    kbps: int = DEFAULT_BITRATE_KBPS
    metadata: Mapping[str, str] = field(default_factory=dict)


Write = Callable[[Path, Audio, Details], None]


@dataclass(frozen=True)
class Format:
    """How one suffix is written; `rates_hz` is empty where every rate can be held, `most_kbps` None for any bitrate."""

    name: str
    write: Write
    rates_hz: tuple[int, ...] = ()
    most_kbps: Callable[[Audio], int] | None = None


def encode(audio: Audio, path: Path, fmt: Format, details: Details) -> None:
    """Writes the audio, which fits the format, to path. Raises OSError with the system's own reason."""
    fmt.write(path, audio, details)


def format_of(path: Path) -> Format:
    """The format that path's suffix asks for. Raises OptionError that lists those that exist."""
    name = path.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        raise OptionError(f"{str(path)!r} has no known audio suffix; choose from {', '.join(FORMATS)}")
    return FORMATS[name]


def held_kbps(audio: Audio, fmt: Format, asked: int | None) -> int:
    """The bitrate asked for, or the default, as far as the format holds it at the audio's rate; the log says if not."""
    most = fmt.most_kbps(audio) if fmt.most_kbps else BITRATES_KBPS["ogg"][-1]
    if asked and asked > most:
        logger.warning("%s at %d Hz holds at most %d kbit/s, and is written so", fmt.name, audio.rate, most)
    return min(asked or DEFAULT_BITRATE_KBPS, most)


def _most_of_mp3(audio: Audio) -> int:
    """What MPEG-1, 2 and 2.5 end with."""
    return next(kbps for rate, kbps in ((32_000, 320), (16_000, 160), (0, 64)) if audio.rate >= rate)


def _most_of_aac(audio: Audio) -> int:
    """6144 bits per channel in a frame of 1024 samples."""
    return 6 * audio.channels * audio.rate // 1_000


def fitted(audio: Audio, fmt: Format) -> Audio:
    """The audio at a rate that the format can hold, no sample beyond ±1; the log says what was changed."""
    return _clipped(resample(audio, _held_rate(audio.rate, fmt)))


def _held_rate(rate: int, fmt: Format) -> int:
    """The rate itself if it can be held, else the next higher one, else the highest."""
    if not fmt.rates_hz or rate in fmt.rates_hz:
        return rate
    held = min((r for r in fmt.rates_hz if r > rate), default=max(fmt.rates_hz))
    logger.warning("The file format cannot hold %d Hz; it is written at %d Hz", rate, held)
    return held


def _clipped(audio: Audio) -> Audio:
    if audio.peak <= 1:
        return audio
    logger.warning("The peak is %.1f dB above full scale and is clipped", decibels(audio.peak))
    return Audio(np.clip(audio.samples, -1, 1), audio.rate)


def _by_libsndfile(file_format: str, subtype: str) -> Write:
    def write(path: Path, audio: Audio, details: Details) -> None:
        import soundfile

        how: dict[str, Any] = {"format": file_format, "subtype": subtype}
        if subtype == "VORBIS":
            how["compression_level"] = 1 - _vorbis_quality(details.kbps)
        try:
            with soundfile.SoundFile(path, "w", audio.rate, audio.channels, **how) as file:
                for name, text in details.metadata.items():
                    setattr(file, SNDFILE_NAMES.get(name, name), text)
                for _, block in _blocks(audio, BLOCK_FRAMES):
                    file.write(block.T)
        except soundfile.LibsndfileError as error:
            settle(path)
            raise OSError(errno.EIO, error.error_string) from error

    return write


def _as_ogg(path: Path, audio: Audio, details: Details) -> None:
    _by_libsndfile("OGG", "VORBIS")(path, audio, details)
    settle(path)
    fix_serial(path)


def _by_ffmpeg(container: str, codec: str, encoder_field: str | None = None) -> Write:
    """`encoder_field` is the container's own name for what wrote the file; None where it holds no metadata at all."""

    def write(path: Path, audio: Audio, details: Details) -> None:
        import av

        try:
            with av.open(f"file:{path}", "w", format=container, container_options=_options(container, audio)) as file:
                # FFmpeg's own name would take the place of ours.
                file.flags |= BITEXACT_FLAG
                _describe(file, details.metadata, encoder_field)
                stream = file.add_stream(codec, rate=audio.rate)
                stream.layout = _layout(audio)
                stream.bit_rate = 1_000 * details.kbps
                _mux(audio, file, stream)
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error

    return write


def _options(container: str, audio: Audio) -> dict[str, str]:
    """m4a notes where the sound ends in milliseconds, unless it is told to count in samples."""
    return {"movie_timescale": str(audio.rate)} if container == "ipod" else {}


def _describe(file: "av.container.OutputContainer", metadata: Mapping[str, str], encoder_field: str | None) -> None:
    if encoder_field is None:
        if metadata:
            logger.info("A bare aac stream holds neither title nor settings; m4a is the same sound with them")
        return
    for name, text in metadata.items():
        file.metadata[encoder_field if name == "encoder" else name] = text


def _mux(audio: Audio, file: "av.container.OutputContainer", stream: Any) -> None:
    stream.codec_context.open()
    for start, block in _blocks(audio, stream.codec_context.frame_size):
        file.mux(stream.encode(_frame(audio, start, block)))
    file.mux(stream.encode(None))


def _frame(audio: Audio, start: int, block: np.ndarray) -> "av.AudioFrame":
    """One block with its place in time: without it, the file would not say how much padding a player must skip."""
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=_layout(audio))
    frame.sample_rate, frame.pts, frame.time_base = audio.rate, start, Fraction(1, audio.rate)
    return frame


def _layout(audio: Audio) -> str:
    return "mono" if audio.channels == 1 else "stereo"


def _blocks(audio: Audio, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Where each block starts, and its samples [C, size or less]."""
    for start in range(0, audio.length, size):
        yield start, audio.samples[:, start : start + size]


def _vorbis_quality(kbps: int) -> float:
    return float(np.interp(kbps, VORBIS_KBPS, VORBIS_QUALITY))


def settle(path: Path) -> None:
    """Brings a written file to the disk. Raises OSError when there was no room for all of it.

    libsndfile says nothing of what goes wrong while it closes a file, but a disk that was full then also refuses one
    byte more.
    """
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        file.write(b"\0")
        file.truncate(size)
        os.fsync(file.fileno())


FORMATS = {
    fmt.name: fmt
    for fmt in (
        Format("wav", _by_libsndfile("WAV", "PCM_16")),
        Format("flac", _by_libsndfile("FLAC", "PCM_16")),
        Format("ogg", _as_ogg),
        Format("mp3", _by_ffmpeg("mp3", "libmp3lame", "TSSE"), MP3_RATES_HZ, _most_of_mp3),
        Format("m4a", _by_ffmpeg("ipod", "aac", "encoding_tool"), AAC_RATES_HZ, _most_of_aac),
        Format("aac", _by_ffmpeg("adts", "aac"), AAC_RATES_HZ, _most_of_aac),
    )
}
