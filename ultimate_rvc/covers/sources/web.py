"""Songs from the web, through yt-dlp: looked at first, refused with a reason or fetched once, kept as they came.

The best audio stream is taken alone, so that nothing has to be joined or converted and no ffmpeg program is needed;
`audio.decode` reads whatever it is. yt-dlp resumes its own parts; the song counts once its note is written.
"""

import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ultimate_rvc.covers.sources import shelf
from ultimate_rvc.covers.sources.shelf import Note, Source
from ultimate_rvc.errors import AudioError, DownloadError, InputError, OptionError, OutputError, UrvcError
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.weights import offline_switch

logger = logging.getLogger(__name__)

COOKIES_VARIABLE = "YT_COOKIEFILE"
HTTP = re.compile(r"https?://", re.IGNORECASE)
# A concert or a mix is no song, and stems of an hour are gigabytes.
LONGEST_S = 3_600
LARGEST_BYTES = 2 * 1024**3
LIVE = {"is_live": "is being broadcast", "is_upcoming": "has not begun", "post_live": "has only just ended"}
STAGE_LOOK, STAGE_FETCH = "look up song", "download song"
TIMEOUT_S, ATTEMPTS = 30, 5
# YouTube hands out some of its formats only to who can run its scripts; whichever of these is installed is used.
SCRIPT_RUNTIMES = ("deno", "node", "bun", "quickjs")
CONTAINERS = "mov,matroska,webm,mp3,ogg,wav,flac,aac,mpegts,flv"
NOISE = re.compile(
    r"\x1b\[[0-9;]*m|^ERROR:\s*|;? *please report this issue on .*|\s*\(caused by .*", re.IGNORECASE | re.DOTALL
)


def fetch_song(address: str, cookiefile: Path | None, on_progress: OnProgress) -> Source:
    """The song behind an address, fetched unless it was before.

    Raises OptionError for what is no single song of bounded length, InputError for cookies that are not there,
    DownloadError when offline or when the site refuses, OutputError.
    """
    if not HTTP.match(address):
        raise OptionError(f"{address} is no address of the web; it must begin with http:// or https://")
    cookies = _cookies(cookiefile)
    if song := shelf.fetched(address):
        return song
    if switch := offline_switch():
        raise DownloadError(f"{address} was not fetched before, and {switch} forbids downloads; unset it")
    on_progress(Progress(STAGE_LOOK, 0, 1))
    found = _looked_up(address, cookies)
    on_progress(Progress(STAGE_LOOK, 1, 1))
    video = f"{found.get('extractor_key', 'web')} {found.get('id', address)}".lower()
    return shelf.fetched(video=video) or _fetched(address, video, found, cookies, on_progress)


def _looked_up(address: str, cookies: str | None) -> Mapping[str, Any]:
    """What the site says of a single song; nothing of it is fetched yet."""
    with _opened(address, cookies, extract_flat="in_playlist", playlist_items="1") as tool:
        found = tool.extract_info(address, download=False)
    if not found:
        raise DownloadError(f"{address} has nothing that can be downloaded; open it in a browser to see why")
    _refuse(address, found)
    return found


def _refuse(address: str, found: Mapping[str, Any]) -> None:
    """Raises OptionError for what is no song."""
    title = found.get("title") or address
    if found.get("_type", "video") != "video":
        raise OptionError(f"{address} is a list of several ({title}); give the address of one song")
    state = "is_live" if found.get("is_live") else found.get("live_status")
    if state in LIVE:
        raise OptionError(f"{title!r} {LIVE[state]} live; wait until it can be watched as a whole")
    _refuse_long(title, found.get("duration"))


def _refuse_long(title: str, duration_s: float | None) -> None:
    if duration_s and duration_s > LONGEST_S:
        raise OptionError(
            f"{title!r} lasts {duration_s / 60:.0f} minutes; a song may last {LONGEST_S // 60}: "
            "cut it out and give the file"
        )


def _fetched(
    address: str, video: str, found: Mapping[str, Any], cookies: str | None, on_progress: OnProgress
) -> Source:
    """Fetches into the song's folder, one process at a time."""
    from filelock import FileLock

    title = str(found.get("title") or found.get("id"))
    folder = shelf.folder_for(title, video)
    _make(folder)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if song := shelf.fetched(video=video):
            return song
        try:
            path = _download(address, folder, cookies, on_progress)
            _check(path, title)
        except UrvcError:
            _remove_if_empty(folder)
            raise
        own = found.get("webpage_url") or address
        shelf.write_note(folder, Note(title, path.name, video, tuple(dict.fromkeys((address, own)))))
    return Source(title, path, address)


def _download(address: str, folder: Path, cookies: str | None, on_progress: OnProgress) -> Path:
    written: list[str] = []

    def listen(state: Mapping[str, Any]) -> None:
        done, total = state.get("downloaded_bytes") or 0, state.get("total_bytes") or state.get("total_bytes_estimate")
        on_progress(Progress(STAGE_FETCH, int(done), int(max(total or 0, done))))
        if state.get("status") == "finished":
            written.append(state["filename"])

    with _opened(address, cookies, progress_hooks=[listen], **_where(folder)) as tool:
        tool.extract_info(address, download=True)
    if not written or not Path(written[-1]).is_file():
        raise DownloadError(f"{address} could not be fetched, or is larger than {LARGEST_BYTES >> 30} GiB")
    return Path(written[-1])


def _where(folder: Path) -> dict[str, Any]:
    # The folder's name may hold what yt-dlp takes for a field. With the song's own name at the site in it, a part that
    # was left here is never taken for a part of another song of the same title.
    return {"outtmpl": {"default": f"{str(folder).replace('%', '%%')}/{shelf.SONG} [%(id).80s].%(ext)s"}}


def _check(path: Path, title: str) -> None:
    """Raises AudioError for what is no audio, OptionError for what is too long; it is deleted then."""
    try:
        _refuse_long(title, _duration_s(path))
    except InputError:
        path.unlink()
        raise


def _duration_s(path: Path) -> float | None:
    """What the file says of its own duration."""
    import av

    try:
        # A playlist in a media file's clothes would have FFmpeg open whatever it names.
        with av.open(f"file:{path}", options={"format_whitelist": CONTAINERS}) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(f"what was fetched as {path.name!r} is no audio; open the address in a browser") from error


@contextmanager
def _opened(address: str, cookies: str | None, **more: Any) -> Iterator[Any]:
    """yt-dlp with our settings; whatever goes wrong inside becomes one line."""
    try:
        from yt_dlp import YoutubeDL
        from yt_dlp.utils import YoutubeDLError
    except ImportError as error:
        raise DownloadError("songs from the web need yt-dlp: pip install 'yt-dlp[default]'") from error
    try:
        with YoutubeDL(_settings(cookies) | more) as tool:
            yield tool
    except YoutubeDLError as error:
        raise DownloadError(f"{address} cannot be fetched: {_reason(error)}; {_advice(cookies)}") from error
    except OSError as error:
        raise OutputError(f"{address} cannot be stored: {error.strerror or error}; check the disk") from error


def _settings(cookies: str | None) -> dict[str, Any]:
    return {
        "format": "bestaudio/best",
        "noplaylist": True,
        "quiet": True,
        "noprogress": True,
        "logger": _Listener(),
        "fixup": "never",
        "overwrites": False,
        "max_filesize": LARGEST_BYTES,
        "socket_timeout": TIMEOUT_S,
        "retries": ATTEMPTS,
        "fragment_retries": ATTEMPTS,
        "skip_unavailable_fragments": False,
        "cachedir": False,
        "js_runtimes": {name: {} for name in SCRIPT_RUNTIMES},
        # As a stream of ours: a file it would write its own cookies into.
        **({"cookiefile": io.StringIO(cookies)} if cookies else {}),
    }


class _Listener:
    """yt-dlp's words go to the log; its errors are raised as well, and told once."""

    def debug(self, message: str) -> None:
        logger.debug("%s", _plain(message))

    info = warning = error = debug


def _cookies(given: Path | None) -> str | None:
    """The content of the file that was given, or that the variable names."""
    named = os.environ.get(COOKIES_VARIABLE)
    path = given or (Path(named).expanduser() if named else None)
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        whose = "" if given else f" (from {COOKIES_VARIABLE})"
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"cookies {str(path)!r}{whose} cannot be read: {reason}; export them again") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}; set URVC_AUDIO_DIR to another folder") from error


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _advice(cookies: str | None) -> str:
    return "update yt-dlp" if cookies else "update yt-dlp, or give the cookies of your browser (--cookiefile)"


def _reason(error: Exception) -> str:
    return _plain(str(error)) or type(error).__name__


def _plain(text: str) -> str:
    return " ".join(NOISE.sub("", text).split()).rstrip(".")
