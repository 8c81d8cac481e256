"""The endpoints. Each says what it takes and gives; the work is done by the desk and the board."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ultimate_rvc import __version__
from ultimate_rvc.serve.board import Board, NoSuchJob
from ultimate_rvc.serve.desk import Desk, VoiceView, voices
from ultimate_rvc.serve.fields import OptionView, described, schema
from ultimate_rvc.serve.forms import received
from ultimate_rvc.serve.job import ENDED, JobView, State

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request

MEDIA_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
}
LOOK_EVERY_S = 0.1
# So that neither side takes the silence of a long span for a lost connection.
SIGN_OF_LIFE_S = 15.0
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class Health:
    """That the server is there, what it runs on, and how many jobs it has in each state."""

    version: str
    device: str
    jobs: dict[str, int]


@dataclass(frozen=True)
class Problem:
    """Every answer that is no success: one line that says what is wrong and what to do."""

    error: str


class NoResult(Exception):
    """The job has no result; the message says why."""


def information(desk: Desk, board: Board) -> "APIRouter":
    """What there is."""
    from fastapi import APIRouter

    router = APIRouter(tags=["What there is"])
    device = desk.engine.device

    @router.get("/health")
    def health() -> Health:
        """Whether the server is there, and how busy it is."""
        return Health(__version__, device, board.counts())

    @router.get("/voices", name="voices")
    def list_of_voices() -> list[VoiceView]:
        """The voices that can be asked for."""
        return voices()

    @router.get("/options")
    def options() -> list[OptionView]:
        """Every option: meaning, range, choices, default, and which endpoints take it."""
        return described()

    return router


def making(desk: Desk, board: Board) -> "APIRouter":
    """What can be made."""
    from fastapi import APIRouter
    from fastapi.requests import Request
    from fastapi.responses import Response

    problems = {status: {"model": Problem} for status in (400, 404, 413, 422, 429)}
    router = APIRouter(tags=["What can be made"], responses=problems)

    @router.post("/convert", status_code=202, openapi_extra=schema("convert"))
    async def convert(request: Request, response: Response) -> JobView:
        """Convert a recording of a voice, and nothing else: no effects, no mix."""
        return _accepted(await _submitted("convert", desk, board, request), response)

    @router.post("/cover", status_code=202, openapi_extra=schema("cover"))
    async def cover(request: Request, response: Response) -> JobView:
        """Make a song cover: conversion, effects and mix."""
        return _accepted(await _submitted("cover", desk, board, request), response)

    return router


def watching(board: Board) -> "APIRouter":
    """Jobs, for whoever knows their ids."""
    from fastapi import APIRouter
    from fastapi.responses import FileResponse, StreamingResponse

    router = APIRouter(tags=["Jobs"], responses={404: {"model": Problem}})

    @router.get("/jobs/{key}")
    def job(key: str) -> JobView:
        """How a job stands."""
        return board.view(key)

    @router.get("/jobs/{key}/events", response_class=StreamingResponse)
    def events(key: str) -> StreamingResponse:
        """How a job stands, as server-sent events: one for each change, the last when it has ended."""
        board.view(key)
        return StreamingResponse(_events(board, key), media_type="text/event-stream")

    @router.get("/jobs/{key}/result", response_class=FileResponse, responses={409: {"model": Problem}})
    def result(key: str) -> FileResponse:
        """The audio that a job has made."""
        view, path = board.view(key), board.result(key)
        if view.state is not State.DONE or path is None:
            raise NoResult(view.error or f"the job is {view.state}; its result is there when it is done")
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix[1:]], filename=view.result)

    @router.delete("/jobs/{key}")
    def cancel(key: str) -> JobView:
        """Stop a job that waits or runs; remove one that has ended, with its result."""
        return board.cancel(key)

    return router


async def _submitted(kind: str, desk: Desk, board: Board, request: "Request") -> JobView:
    from fastapi.concurrency import run_in_threadpool

    place = board.reserve()
    try:
        form = await received(request, place.folder, int(desk.limits.upload_mb * BYTES_PER_MB))
        order = await run_in_threadpool(desk.order, kind, form, place)
    except BaseException:  # a client that hangs up cancels this
        board.release(place)
        raise
    return board.submit(place, order)


def _accepted(view: JobView, response: object) -> JobView:
    response.headers["Location"] = f"/jobs/{view.id}"  # type: ignore[attr-defined]
    return view


async def _events(board: Board, key: str) -> AsyncIterator[str]:
    seen, quiet_s = None, 0.0
    while not board.stopping:
        try:
            view = board.view(key)
        except NoSuchJob:
            yield "event: removed\ndata: {}\n\n"
            return
        if view != seen:
            yield f"event: {view.state}\ndata: {json.dumps(asdict(view))}\n\n"
            seen, quiet_s = view, 0.0
        elif quiet_s >= SIGN_OF_LIFE_S:
            yield ": still here\n\n"
            quiet_s = 0.0
        if view.state in ENDED:
            return
        await asyncio.sleep(LOOK_EVERY_S)
        quiet_s += LOOK_EVERY_S
