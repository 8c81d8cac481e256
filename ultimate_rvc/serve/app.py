"""The application: endpoints, page and guard, put together around one warm engine."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultimate_rvc import __version__
from ultimate_rvc.errors import InputError, UrvcError, VoiceNotFound
from ultimate_rvc.options import ServerOptions
from ultimate_rvc.presets import preset_from_env
from ultimate_rvc.serve.board import Board, NoSuchJob, QueueFull
from ultimate_rvc.serve.desk import Desk
from ultimate_rvc.serve.folder import Folder
from ultimate_rvc.serve.forms import TooLarge
from ultimate_rvc.serve.guard import Guard
from ultimate_rvc.serve.job import SEE_LOG
from ultimate_rvc.serve.page import TITLE, add_page
from ultimate_rvc.serve.places import without_places
from ultimate_rvc.serve.routes import NoResult, information, making, watching
from ultimate_rvc.warm.engine import Engine

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response

logger = logging.getLogger(__name__)

ABOUT = "Song covers with RVC voices. A request answers with a job; whoever knows its id can watch, fetch and stop it."
# Only between spans a conversion can be stopped; on a processor that does nothing else, one takes less.
PATIENCE_S = 10.0
ASK_AGAIN_S = 10


def create_app(settings: ServerOptions | None = None, engine: Engine | None = None) -> "FastAPI":
    """The application for a server or a test; its worker runs between start-up and shutdown.

    Without an engine it opens one with the RVC_* variables and the URVC_CONFIG preset. Raises UrvcErrors.
    """
    from fastapi import FastAPI

    settings = settings or ServerOptions()
    desk = Desk(engine or Engine({}, preset_from_env()), settings)
    board = Board(settings)
    app = FastAPI(title=TITLE, version=__version__, description=ABOUT, docs_url=None, redoc_url=None, lifespan=_living)
    app.state.board, app.state.desk = board, desk
    for router in (information(desk, board), making(desk, board), watching(board)):
        app.include_router(router)
    add_page(app)
    _add_problems(app, settings)
    app.add_middleware(Guard, settings.server_name, listen=settings.listen)
    return app


@asynccontextmanager
async def _living(app: "FastAPI") -> AsyncIterator[None]:
    with Folder() as folder:
        app.state.board.start(folder)
        yield
        app.state.board.stop(PATIENCE_S)


def _add_problems(app: "FastAPI", settings: ServerOptions) -> None:
    """Every failure as JSON with one line: {"error": …}."""
    from fastapi.exceptions import HTTPException, RequestValidationError
    from starlette.exceptions import HTTPException as AnyHTTPException
    from starlette.requests import ClientDisconnect

    too_large = f"the request is larger than {settings.upload_mb:g} MB; send less, or see --upload-mb"
    lines: dict[Any, Any] = {
        TooLarge: lambda _: (413, too_large),
        QueueFull: lambda _: (429, f"{settings.queue} jobs are waiting already; ask again when one is done"),
        NoSuchJob: lambda _: (404, "no such job; it may have been removed"),
        NoResult: lambda error: (409, str(error)),
        VoiceNotFound: lambda error: (404, str(error)),
        InputError: lambda error: (422, str(error)),
        UrvcError: lambda error: (409, str(error)),
        ClientDisconnect: lambda _: (400, "the connection was closed in the middle"),
        RequestValidationError: lambda error: (422, f"the request does not fit: {error.errors()[0]['msg']}"),
        HTTPException: lambda error: (error.status_code, str(error.detail)),
        AnyHTTPException: lambda error: (error.status_code, str(error.detail)),
        Exception: lambda error: (500, f"unexpected {type(error).__name__}; {SEE_LOG}"),
    }
    for kind, explain in lines.items():
        app.add_exception_handler(kind, _answering(explain))


def _answering(explain: Any) -> Any:
    async def answer(_: Any, error: Exception) -> "Response":
        from fastapi.responses import JSONResponse

        status, line = explain(error)
        if status >= 500:
            logger.error("A request failed", exc_info=error)
        headers = {"Retry-After": str(ASK_AGAIN_S)} if status == 429 else {}
        return JSONResponse({"error": without_places(line, Path.cwd())}, status, headers)

    return answer
