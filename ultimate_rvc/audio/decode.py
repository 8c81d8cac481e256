"""Any audio file to samples: libsndfile for what it reads well, FFmpeg (through PyAV) for everything else.

A file that ends before its own header says is refused where the header is trustworthy, because a cover would be cut
short, or drift against its instrumentals, without a word. A bare stream (mp3, aac) has no such header: what is there
is taken, and the log says what was missing.
"""

import logging
import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ultimate_rvc.audio.resample import resampled_mono
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import AudioError

if TYPE_CHECKING:
    import av
    import soundfile

logger = logging.getLogger(__name__)

MAX_CHANNELS = 2
NARROW_BAND = "%s has a rate of %d Hz: nothing above %d Hz is in it"
BLOCK_FRAMES = 1 << 18
# Suffixes that libsndfile cannot read, and mp3: its decoder writes notes of its own to the terminal.
FFMPEG_ONLY = frozenset(
    {".mp3", ".m4a", ".m4b", ".aac", ".mp4", ".mov", ".webm", ".mkv", ".mka", ".opus", ".wma", ".3gp"}
)
# An mp3's length may be an estimate from its size, so that only a large shortfall is worth a word, and a warning at
# that; for a bare aac stream it always is, and a poor one.
UNSURE_OF_LENGTH = "mp3"
UNSURE_SHARE = 0.1
LENGTH_UNKNOWN = "aac"
# A header's duration is rounded, and encoders pad: less than this is not worth a word.
SLACK_S = 0.1
# A wav that was written through a pipe claims to be (almost) as long as the format allows.
PIPED_BYTES = 0x7FFF0000
# FFmpeg's demuxers of single files. Others (playlists, concatenations, descriptions of streams) make it open whatever
# other files and addresses a text names, and it tells them by their content, not by their suffix.
SINGLE_FILES = (
    *("wav", "w64", "aiff", "au", "caf", "flac", "ogg", "mp3", "aac", "ac3", "eac3", "dts", "amr", "ape", "wv", "tta"),
    *("tak", "mpc", "mpc8", "dsf", "oma", "voc", "mov", "matroska", "webm", "asf", "avi", "flv", "mpeg", "mpegts"),
)
CUT_CHUNK = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)


class Refused(Exception):
    """A decoder's own reason why it cannot read a file."""


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a file: mono at this rate in Hz (None: as it is), and no more seconds than this."""

    mono_rate: int | None = None
    longest_s: float = math.inf


def decode(path: Path, wanted: Wanted = Wanted()) -> Audio:
    """The samples [C, N] of a readable file, C at most 2; or mono at this rate. Raises AudioError with every reason."""
    reasons = []
    for read in _readers(path):
        try:
            return read(path, wanted)
        except Refused as error:
            reasons.append(" ".join(str(error).split()).rstrip("."))
    raise AudioError(f"{str(path)!r} cannot be decoded ({'; '.join(reasons)}); export it again as wav or flac")


def check_channels(name: str, channels: int) -> None:
    """Raises AudioError for more channels than stereo."""
    if channels > MAX_CHANNELS:
        raise AudioError(f"{name!r} has {channels} channels; mix it down to mono or stereo")


def _readers(path: Path) -> list[Callable[[Path, Wanted], Audio]]:
    return [_by_ffmpeg] if path.suffix.lower() in FFMPEG_ONLY else [_by_libsndfile, _by_ffmpeg]


def _by_libsndfile(path: Path, wanted: Wanted) -> Audio:
    import soundfile

    try:
        # By descriptor: for a path, soundfile believes the suffix before the content.
        with path.open("rb") as file, soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            check_channels(str(path), sound.channels)
            audio = _gathered(path, _blocks(sound), (sound.channels, sound.samplerate), wanted)
            _check_complete(path, audio.duration_s, _claimed_s(sound), trusted=True)
            return audio
    except soundfile.LibsndfileError as error:
        raise Refused(f"libsndfile: {error.error_string}") from error


def _blocks(sound: "soundfile.SoundFile") -> Iterator[np.ndarray]:
    while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield np.ascontiguousarray(block.T)  # [C, n]


def _claimed_s(sound: "soundfile.SoundFile") -> float:
    """The duration that the header claims; libsndfile corrects it in silence, but for its own log."""
    cut = CUT_CHUNK.search(sound.extra_info)
    claimed, there = map(int, cut.groups()) if cut else (1, 1)
    piped = claimed >= PIPED_BYTES or there == 0
    return sound.frames / sound.samplerate * (1 if piped else claimed / there)


def _by_ffmpeg(path: Path, wanted: Wanted) -> Audio:
    import av

    try:
        # Without 'file:', FFmpeg takes a name with a colon for an address.
        options = {"format_whitelist": ",".join(SINGLE_FILES), "protocol_whitelist": "file"}
        with av.open(f"file:{path}", metadata_errors="replace", options=options) as container:
            return _read_stream(path, container, wanted)
    except (av.FFmpegError, ValueError) as error:
        raise Refused(f"ffmpeg: {getattr(error, 'strerror', None) or error}") from error


def _read_stream(path: Path, container: "av.container.InputContainer", wanted: Wanted) -> Audio:
    if not container.streams.audio:
        raise AudioError(f"{str(path)!r} holds no sound; choose a file with an audio track")
    stream = container.streams.audio[0]
    damaged: list[Any] = []
    frames = _frames(container, stream, damaged)
    first = next(frames, None)
    if first is None:
        raise Refused("ffmpeg: no sound could be decoded")
    channels, rate = first.layout.nb_channels, first.sample_rate
    check_channels(str(path), channels)
    audio = _gathered(path, _arrays(first, frames), (channels, rate), wanted)
    return _checked(path, audio, container, stream, len(damaged))


def _frames(container: Any, stream: Any, damaged: list) -> Iterator["av.AudioFrame"]:
    """Planar float frames; packets that cannot be decoded go to `damaged`, as every player skips them."""
    import av

    # The decoder knows rate and channels better than the container does (HE-AAC), so they are taken from its frames.
    planar = av.AudioResampler(format="fltp")
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                yield from planar.resample(frame)
        except av.InvalidDataError:
            damaged.append(packet)
    yield from planar.resample(None)


def _arrays(first: "av.AudioFrame", others: Iterable["av.AudioFrame"]) -> Iterator[np.ndarray]:
    yield first.to_ndarray()  # [C, n]
    for frame in others:
        yield frame.to_ndarray()  # [C, n]


def _checked(path: Path, audio: Audio, container: Any, stream: Any, damaged: int) -> Audio:
    """The audio without the encoder's padding at its end, complete and with a warning for what was skipped."""
    claimed_s = _duration_s(container, stream)
    _check_complete(path, audio.duration_s, claimed_s, trusted=container.format.name != UNSURE_OF_LENGTH)
    if damaged:
        logger.warning("%s is damaged: %d pieces of it could not be decoded and were left out", path, damaged)
    if "mp4" not in container.format.name or not 0 < audio.duration_s - claimed_s < SLACK_S:
        return audio
    return Audio(audio.samples[:, : round(claimed_s * audio.rate)], audio.rate)


def _duration_s(container: Any, stream: Any) -> float:
    """What the container claims, in seconds; 0 where it claims nothing."""
    if container.format.name == LENGTH_UNKNOWN:
        return 0.0
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _check_complete(path: Path, got_s: float, claimed_s: float, *, trusted: bool) -> None:
    slack_s = SLACK_S if trusted else max(SLACK_S, UNSURE_SHARE * claimed_s)
    if claimed_s - got_s <= slack_s:
        return
    story = f"{got_s:.1f} s of {claimed_s:.1f} s can be decoded"
    if trusted:
        raise AudioError(f"{str(path)!r} is cut off or damaged: {story}; copy, download or export it again")
    logger.warning("%s may be cut off: %s", path, story)


def _gathered(path: Path, blocks: Iterable[np.ndarray], layout: tuple[int, int], wanted: Wanted) -> Audio:
    """Blocks [C, n] of this layout (C, rate) as one; for mono at another rate, the whole is never held as it was."""
    channels, rate = layout
    mono_rate = wanted.mono_rate
    blocks = _within(path, blocks, rate, wanted.longest_s)
    if mono_rate is None:
        return Audio(_join(blocks, channels), rate)
    if rate < mono_rate:
        logger.warning(NARROW_BAND, path, rate, rate // 2)
    return Audio(_join(resampled_mono(blocks, rate, mono_rate), 1), mono_rate)


def _within(path: Path, blocks: Iterable[np.ndarray], rate: int, longest_s: float) -> Iterator[np.ndarray]:
    """The blocks [C, n]; AudioError as soon as they last longer, because a small file can hold years of silence."""
    frames = 0
    for block in blocks:
        frames += block.shape[1]
        if frames > longest_s * rate:
            raise AudioError(f"{str(path)!r} lasts longer than {longest_s / 60:g} minutes; cut it into pieces")
        yield block


def _join(blocks: Iterable[np.ndarray], channels: int) -> np.ndarray:
    """Blocks [C, n] end to end [C, N], each let go as soon as it is copied."""
    waiting = deque(blocks)
    joined = np.empty((channels, sum(block.shape[1] for block in waiting)), np.float32)
    at = 0
    while waiting:
        block = waiting.popleft()
        joined[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    return joined
