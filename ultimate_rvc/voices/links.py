"""Where a link leads: people share voices by the address of a page, and what is wanted is the address of a file.

    owner/repo, owner/repo/folder/file.zip          Hugging Face, by its API and by resolve links
    huggingface.co/owner/repo[/tree|blob|resolve/REVISION/…]
    pixeldrain.com/u/ID                             its API tells the name and the sha256
    drive.google.com/file/d/ID/view, …?id=ID        a page asks for confirmation where the file is large
    anything else by http or https                  the file itself

HF_ENDPOINT, PIXELDRAIN_ENDPOINT and GOOGLE_DRIVE_ENDPOINT name other servers that speak the same.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urljoin, urlsplit

from ultimate_rvc.download import Look, Wanted, look
from ultimate_rvc.errors import DownloadError, OptionError
from ultimate_rvc.voices.archives import ARCHIVE_SUFFIXES
from ultimate_rvc.voices.library import CHECKPOINT_SUFFIXES, EMPTY_INDEX_PREFIX, INDEX_SUFFIX, TRAINING_STATE
from ultimate_rvc.weights import hub

# Owners have no dots in their names, hosts have.
REPOSITORY = re.compile(r"[\w-]+/[\w.-]+(/[^:?#]+)?")
HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
PIXELDRAIN, PIXELDRAIN_HOSTS = "https://pixeldrain.com", ("pixeldrain.com", "www.pixeldrain.com")
DRIVE, DRIVE_HOSTS = "https://drive.google.com", ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")
NEEDS_ITS_OWN_PROGRAM = ("mega.nz", "mega.co.nz")
FILES_SHOWN = 8
KNOWN_SUFFIXES = (*CHECKPOINT_SUFFIXES, INDEX_SUFFIX, *ARCHIVE_SUFFIXES)
FORM = re.compile(r"<form\b[^>]*>", re.IGNORECASE)
INPUT = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
TITLE = re.compile(r"<title>([^<]*)</title>", re.IGNORECASE)


@dataclass(frozen=True)
class Remote:
    """A file on the web; `sha256` where its keeper tells it, `key` where the address is another every time."""

    url: str
    name: str
    sha256: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Offer:
    """What a link leads to: the files of one voice, and what else the voice could be called."""

    files: tuple[Remote, ...]
    names: tuple[str, ...] = ()


def resolve(link: str) -> Offer:
    """The files behind a link. Raises OptionError for what is no link or leaves a choice, DownloadError."""
    link = link.strip()
    if REPOSITORY.fullmatch(link):
        return _hub_path(unquote(link).split("/"))
    parts = urlsplit(link if "://" in link else f"https://{link}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionError(f"{link!r} is no link; give an address by http(s), or owner/repo of Hugging Face")
    host = parts.hostname.lower()
    if host in NEEDS_ITS_OWN_PROGRAM:
        raise OptionError(f"{host} hands its files to its own program only; download there, then 'urvc models import'")
    path = [unquote(part) for part in parts.path.split("/") if part]
    if host in (*HUB_HOSTS, urlsplit(hub()).hostname) and not _is_file_elsewhere(parts, path):
        return _hub_path(path)
    if host in PIXELDRAIN_HOSTS:
        return _pixeldrain(link, path)
    if host in DRIVE_HOSTS:
        return _drive(link, path, parse_qs(parts.query))
    return _direct(parts.geturl())


def asking(url: str, stage: str) -> Wanted:
    """A request for something small that is not kept."""
    return Wanted(url, Path(), stage, remedy="open it in a browser to see why")


# Hugging Face ------------------------------------------------------------------------------------------------------


def _is_file_elsewhere(parts: Any, path: Sequence[str]) -> bool:
    """A mirror on this machine may serve other files beside; only the hub's own paths are the hub's."""
    own = parts.hostname in HUB_HOSTS
    return not own and (parts.netloc != urlsplit(hub()).netloc or not {"resolve", "blob", "tree"} & set(path))


def _hub_path(path: Sequence[str]) -> Offer:
    """owner/repo, owner/repo/{tree,blob,resolve}/REVISION/inside or owner/repo/inside."""
    if len(path) < 2:
        raise OptionError(f"{'/'.join(path)!r} names no repository of Hugging Face; give owner/repo")
    length = 3 if path[0] in ("datasets", "spaces") else 2
    repo, rest = "/".join(path[:length]), path[length:]
    verb, revision, inside = "tree", "main", rest
    if rest and rest[0] in ("tree", "blob", "resolve", "raw"):
        verb, revision, inside = rest[0], (rest[1:2] or ["main"])[0], rest[2:]
    if inside and (verb != "tree" or _suffix(inside[-1]) in KNOWN_SUFFIXES):
        return Offer((_hub_file(repo, revision, "/".join(inside)),), (path[length - 1],))
    return _hub_folder(repo, revision, "/".join(inside))


def _hub_file(repo: str, revision: str, path: str, sha256: str | None = None) -> Remote:
    return Remote(f"{hub()}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}", PurePosixPath(path).name, sha256)


def _hub_folder(repo: str, revision: str, folder: str) -> Offer:
    """The one voice among the files of a repository, or of a folder of it."""
    at = repo if repo.startswith(("datasets/", "spaces/")) else f"models/{repo}"
    url = f"{hub()}/api/{at}/revision/{quote(revision, safe='')}?blobs=true"
    siblings = _json(asking(url, f"asking for {repo}")).get("siblings") or []
    known = {file["rfilename"]: (file.get("lfs") or {}).get("sha256") for file in siblings if "rfilename" in file}
    inside = [path for path in known if path.startswith(f"{folder}/" if folder else "")]
    chosen = _one_voice(repo, inside)
    return Offer(tuple(_hub_file(repo, revision, path, known[path]) for path in chosen), (repo.rpartition("/")[2],))


def _one_voice(repo: str, paths: Sequence[str]) -> list[str]:
    """A checkpoint with its index, or an archive. Raises OptionError with the list where there are several."""
    checkpoints = [p for p in paths if _suffix(p) in CHECKPOINT_SUFFIXES and not TRAINING_STATE.match(_stem(p))]
    archives = [path for path in paths if _suffix(path) in (".zip", ".gz")]
    choices = checkpoints or archives
    if len(choices) == 1:
        return choices + _indexes_for(choices[0], paths if checkpoints else ())
    if not choices:
        held = ", ".join(paths[:FILES_SHOWN]) or "nothing"
        raise OptionError(f"{repo} holds no voice (no .pth, .safetensors or .zip; it holds {held})")
    listed = ", ".join(choices[:FILES_SHOWN]) + (", …" if len(choices) > FILES_SHOWN else "")
    raise OptionError(f"{repo} holds {len(choices)} voices; say which: {repo}/FILE, where FILE is one of {listed}")


def _indexes_for(checkpoint: str, paths: Sequence[str]) -> list[str]:
    """The filled index in the checkpoint's folder, else the only one of the repository."""
    indexes = [p for p in paths if _suffix(p) == INDEX_SUFFIX and not _stem(p).startswith(EMPTY_INDEX_PREFIX)]
    beside = [path for path in indexes if PurePosixPath(path).parent == PurePosixPath(checkpoint).parent]
    choices = beside or indexes
    if len(choices) > 1:
        raise OptionError(f"there are {len(choices)} indexes for {checkpoint} ({', '.join(choices)}); give both links")
    return choices


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


# pixeldrain --------------------------------------------------------------------------------------------------------


def _pixeldrain(link: str, path: Sequence[str]) -> Offer:
    base = (os.environ.get("PIXELDRAIN_ENDPOINT") or PIXELDRAIN).rstrip("/")
    if path[:1] == ["l"]:
        raise OptionError(f"{link} is a list of files; open it and give the link of one (pixeldrain.com/u/…)")
    file = path[1] if path[:1] == ["u"] and len(path) == 2 else path[2] if path[:2] == ["api", "file"] else None
    if not file:
        raise OptionError(f"{link} names no file; pixeldrain's links are pixeldrain.com/u/ID")
    url = f"{base}/api/file/{quote(file, safe='')}"
    about = _json(asking(f"{url}/info", "asking pixeldrain"))
    return Offer((Remote(url, str(about.get("name") or file), about.get("hash_sha256") or None),))


# Google Drive ------------------------------------------------------------------------------------------------------


def _drive(link: str, path: Sequence[str], query: Mapping[str, list[str]]) -> Offer:
    if "folders" in path:
        raise OptionError(f"{link} is a folder; open it and give the link of the file")
    file = path[path.index("d") + 1] if "d" in path[:-1] else (query.get("id") or [""])[0]
    if not file:
        raise OptionError(f"{link} names no file; Google Drive's links are drive.google.com/file/d/ID/view")
    base = (os.environ.get("GOOGLE_DRIVE_ENDPOINT") or DRIVE).rstrip("/")
    seen = look(asking(f"{base}/uc?{urlencode({'export': 'download', 'id': file})}", "asking Google Drive"))
    if seen.type != "text/html":
        return Offer((Remote(seen.url, seen.file_name or file),))
    url = _confirmed(seen, base)
    named = re.search(r'<span class="uc-name-size"><a[^>]*>([^<]+)</a>', seen.text)
    return Offer((Remote(url, named[1] if named else file, key=f"{base}/{file}"),))


def _confirmed(page: Look, base: str) -> str:
    """The address behind the page that says that a large file was not scanned for viruses."""
    form = next((_attributes(f) for f in FORM.findall(page.text) if _attributes(f).get("id") == "download-form"), None)
    if form is None or not form.get("action"):
        title = (TITLE.findall(page.text) or ["a page"])[0].strip()
        told = "is it shared with everyone who has the link, and not downloaded too often today?"
        raise DownloadError(f"Google Drive gave no file but {title!r}; {told} See {page.url}")
    url = urljoin(page.url, form["action"])
    host = urlsplit(url).hostname or ""
    if host != urlsplit(base).hostname and not host.endswith((".google.com", ".googleusercontent.com")):
        raise DownloadError(f"Google Drive's page leads to {host}, which is not Google's; download it in a browser")
    fields = [_attributes(tag) for tag in INPUT.findall(page.text)]
    wanted = {field["name"]: field.get("value", "") for field in fields if field.get("name")}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(wanted)}"


def _attributes(tag: str) -> dict[str, str]:
    from html import unescape

    return {name.lower(): unescape(double or single) for name, double, single in ATTRIBUTE.findall(tag)}


# Any other ---------------------------------------------------------------------------------------------------------


def _direct(url: str) -> Offer:
    seen = look(asking(url, f"asking {urlsplit(url).netloc}"))
    if seen.type == "text/html":
        raise DownloadError(f"{url} is a web page and not a file; open it, and give the link of its download button")
    name = PurePosixPath(unquote(urlsplit(seen.url).path)).name
    asked = PurePosixPath(unquote(urlsplit(url).path)).name
    names = (seen.file_name, asked, name)
    best = next((n for n in names if _suffix(n) in KNOWN_SUFFIXES), seen.file_name or asked or name)
    return Offer((Remote(url, best or "download"),))


def _json(wanted: Wanted) -> dict[str, Any]:
    try:
        answer = json.loads(look(wanted).text)
    except ValueError as error:
        raise DownloadError(f"{wanted.url} answered something unexpected; {wanted.remedy}") from error
    return answer if isinstance(answer, dict) else {}
