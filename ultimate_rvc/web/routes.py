"""What the page asks for while it is open: jobs of its own session, their files, figures, and the device."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultimate_rvc.errors import UrvcError
from ultimate_rvc.serve.board import QueueFull
from ultimate_rvc.serve.places import without_places
from ultimate_rvc.voices import list_voices
from ultimate_rvc.web import learning, library, show, singing
from ultimate_rvc.web.desk import MOST_OF_ONE, Asked, Desk, Task
from ultimate_rvc.web.sessions import COOKIE, Session, Sessions
from ultimate_rvc.web.texts import ENGLISH, line_text, text

if TYPE_CHECKING:
    from fastapi import APIRouter

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".png": "image/png",
    ".js": "text/javascript",
    ".css": "text/css",
}
SHOWN_JOBS = 8

SessionOf = Callable[[Any], Session]


def mine(desk: Desk, sessions: Sessions) -> "APIRouter":
    """The endpoints below /mine. Whoever has no session finds nothing there."""
    from fastapi import APIRouter, HTTPException, Request

    def session_of(request: Request) -> Session:
        session = sessions.find(request.cookies.get(COOKIE))
        if session is None:
            raise HTTPException(404, "no session; load the page again")
        return sessions.of(session.key)

    router = APIRouter(prefix="/mine")
    _offer_jobs(router, desk, session_of)
    _offer_figures(router, desk, session_of)
    _offer_static(router)
    return router


def _offer_jobs(router: "APIRouter", desk: Desk, session_of: SessionOf) -> None:
    from fastapi import HTTPException, Request
    from fastapi.responses import FileResponse, JSONResponse

    @router.get("/jobs")
    def jobs(request: Request, board: str, language: str = ENGLISH) -> JSONResponse:
        return JSONResponse(_jobs(session_of(request), board, language))

    @router.post("/jobs/{key}/{act}")
    def act(request: Request, key: str, act: str, voice: str = "", language: str = ENGLISH) -> JSONResponse:
        session = session_of(request)
        if key not in session.tasks or act not in ("cancel", "again", "picture"):
            raise HTTPException(404, "no such job")
        return JSONResponse({"problem": _done(desk, session, session.tasks[key], act, voice, language)})

    @router.get("/jobs/{key}/files/{name}")
    def file(request: Request, key: str, name: str, download: int = 0) -> FileResponse:
        path = session_of(request).file(key, name)
        if path is None or not path.is_file():
            raise HTTPException(404, "no such file")
        kind = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
        return FileResponse(path, media_type=kind, filename=path.name if download else None)


def _offer_figures(router: "APIRouter", desk: Desk, session_of: SessionOf) -> None:
    """What is the same for everybody, and shown to whoever has the page open."""
    from fastapi import Request
    from fastapi.responses import JSONResponse

    def offer(path: str, show_html: Callable[[Request, str], str]) -> None:
        @router.get(path)
        def answer(request: Request, language: str = ENGLISH) -> JSONResponse:
            session_of(request)
            return JSONResponse({"html": show_html(request, language)})

    offer("/device", lambda _, language: device_line(desk, language))
    offer("/voices", lambda _, language: library.listing(language))
    offer("/companions", lambda _, language: library.companions(language))
    offer("/curves", lambda request, language: _curves(request.query_params.get("training", ""), language))


def _offer_static(router: "APIRouter") -> None:
    from fastapi import HTTPException
    from fastapi.responses import FileResponse

    @router.get("/static/{name}")
    def static(name: str) -> FileResponse:
        files = {path.name: path for path in STATIC.iterdir() if path.is_file()}
        if name not in files:
            raise HTTPException(404, "no such file")
        return FileResponse(files[name], media_type=MEDIA_TYPES[files[name].suffix])


def _curves(training: str, language: str) -> str:
    try:
        return show.curves(learning.curves(training), language)
    except UrvcError as error:
        return show.problem(plainly(error, language))


def plainly(error: Exception, language: str) -> str:
    """An error as its line for people."""
    if isinstance(error, QueueFull):
        return text("{} of your jobs are waiting or running already; wait for one, or cancel it", language, MOST_OF_ONE)
    return line_text(without_places(str(error), Path.cwd()), language)


def device_line(desk: Desk, language: str) -> str:
    """What runs where, from the device room. Imports torch."""
    from ultimate_rvc import device as devices

    try:
        settings = desk.engine().optimization
        device = devices.choose(settings.device)
    except UrvcError as error:
        return show.problem(plainly(error, language))
    precision = "fp16" if settings.use_fp16 else settings.precision
    memory = text("{} of memory", language, show.size(device.memory_bytes))
    facts = (line_text(device.description, language), precision, memory)
    return " · ".join(map(show.escape, facts))


def _jobs(session: Session, board: str, language: str) -> dict[str, Any]:
    voices = list_voices()
    shown, busy = [], False
    for task in list(session.tasks.values())[::-1]:
        view = task.view
        if view is None or task.asked.board != board:
            continue
        busy |= not task.ended
        ready = show.result(task, language, voices) if task.is_done else ""
        html = show.job(task, view, language, voices)
        shown.append({"key": task.key, "kind": task.asked.kind, "html": html, "result": ready, "state": view.state})
    return {"jobs": shown[:SHOWN_JOBS], "busy": busy}


def _done(desk: Desk, session: Session, task: Task, act: str, voice: str, language: str) -> str:
    """Does it, and returns what is wrong with it, if anything."""
    try:
        if act == "cancel":
            desk.cancel(session, task.key)
        elif act == "again":
            desk.submit(session, _again(desk, task, voice))
        elif task.outcome and task.is_done:
            work = singing.picture(task.outcome, task.folder)
            desk.submit(session, replace(task.asked, kind="picture", work=work, again=None))
    except (UrvcError, QueueFull) as error:
        return plainly(error, language)
    return ""


def _again(desk: Desk, task: Task, voice: str) -> Asked:
    wanted = task.asked.again
    make = {singing.Wanted: singing.cover, singing.Saying: singing.speech}[type(wanted)]
    return make(desk, wanted.with_voice(voice))  # type: ignore[operator]
