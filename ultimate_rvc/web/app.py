"""The page over HTTP: one Gradio application for each language, our own endpoints, and a guard around all of it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ultimate_rvc.serve.guard import KEPT_APART, Guard
from ultimate_rvc.web import page, routes
from ultimate_rvc.web.desk import Desk
from ultimate_rvc.web.form import Page
from ultimate_rvc.web.guards import UPLOAD_MB
from ultimate_rvc.web.sessions import COOKIE, Sessions
from ultimate_rvc.web.texts import LANGUAGES, chosen_language

if TYPE_CHECKING:
    from fastapi import FastAPI

# Gradio's page begins with scripts of its own and draws styles as it goes; nothing may come from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = ((b"content-security-policy", POLICY.encode()), *KEPT_APART)
LANGUAGE_COOKIE = "urvc_language"
YEAR_S = 365 * 86_400
# Gradio would fetch an address for whoever asks.
FETCHING = ("/gradio_api/file=http", "/gradio_api/proxy=", "/gradio_api/deep_link", "/proxy=")
SHARED_NAMES = (".gradio.live",)

App = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Listening:
    """Who may reach the page."""

    wide: bool = False
    shared: bool = False
    names: tuple[str, ...] = ()


def create_app(folder: Path, listening: Listening | None = None) -> "FastAPI":
    """The application, which keeps everything that is only for a while in this folder."""
    listening = listening or Listening()
    switch_off_reports(folder / "uploads")
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse, RedirectResponse, Response
    from starlette.requests import Request

    desk, sessions = Desk(folder), Sessions(folder / "sessions")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk, app.state.sessions = desk, sessions
    app.include_router(routes.mine(desk, sessions))

    @app.get("/")
    def root(request: Request) -> Response:
        code = chosen_language(request.headers.get("accept-language"), request.cookies.get(LANGUAGE_COOKIE))
        return RedirectResponse(f"/{code}/")

    @app.get("/manifest.json")
    def manifest() -> JSONResponse:
        return JSONResponse({"name": page.TITLE, "start_url": "/", "display": "minimal-ui", "icons": []})

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    drawn = {code: Page(desk, sessions, folder / "uploads", code) for code in LANGUAGES}
    app.state.pages = Pages(drawn)
    app.router.lifespan_context = _living(desk, app.state.pages)
    app.add_middleware(InFront, app.state.pages)
    app.add_middleware(Welcome, sessions)
    names = (*listening.names, *(SHARED_NAMES if listening.shared else ()))
    app.add_middleware(Guard, names, listen=listening.wide, headers=HEADERS)
    return app


def switch_off_reports(uploads: Path) -> None:
    """Gradio asks nobody for its version, reports to nobody, and keeps uploads here. Before it is imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def _drawn(about: Page) -> "FastAPI":
    """One language's page as an application of its own."""
    import gradio as gr
    from fastapi import FastAPI

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    drawn = page.blocks(about)
    drawn.queue(default_concurrency_limit=8, max_size=64)
    return gr.mount_gradio_app(
        app,
        drawn,
        path=f"/{about.language}",
        allowed_paths=[],
        blocked_paths=[str(about.sessions.folder), str(about.desk.folder / "jobs")],
        max_file_size=f"{UPLOAD_MB}mb",
        show_error=True,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        theme=page.theme(),
        head=page.HEAD,
    )


def _living(desk: Desk, pages: "Pages") -> Any:
    @asynccontextmanager
    async def living(_: "FastAPI") -> AsyncIterator[None]:
        desk.start()
        # The page that is most likely opened is drawn while the browser starts.
        ahead = asyncio.create_task(pages.page(chosen_language((os.environ.get("LANG") or "").replace("_", "-"))))
        yield
        ahead.cancel()
        await pages.close()
        desk.stop()

    return living


class Pages:
    """A page for each language, drawn when somebody first opens it."""

    def __init__(self, about: Mapping[str, Page]):
        self._about = about
        self._drawn: dict[str, FastAPI] = {}
        self._drawing = asyncio.Lock()
        self._held = AsyncExitStack()

    async def page(self, language: str) -> "FastAPI":
        """The page in that language."""
        async with self._drawing:
            if language not in self._drawn:
                drawn = await asyncio.to_thread(_drawn, self._about[language])
                await self._held.enter_async_context(drawn.router.lifespan_context(drawn))
                self._drawn[language] = drawn
            return self._drawn[language]

    async def close(self) -> None:
        """Ends what the pages do in the background."""
        await self._held.aclose()


class InFront:
    """Sends what is asked of a page to that page, everything else to the application behind."""

    def __init__(self, app: App, pages: Pages):
        self._app, self._pages = app, pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        language = scope["path"].split("/")[1] if scope["type"] == "http" else ""
        page = await self._pages.page(language) if language in LANGUAGES else self._app
        await page(scope, receive, send)


class Welcome:
    """Gives each browser that opens the page a session, and remembers the language that it has opened."""

    def __init__(self, app: App, sessions: Sessions):
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif any(unquote(scope["path"]).find(part) >= 0 for part in FETCHING):
            await _refuse(send)
        else:
            code = scope["path"].strip("/")
            opened = scope["method"] == "GET" and code in LANGUAGES
            await self._app(scope, receive, self._greeting(scope, send, code) if opened else send)

    def _greeting(self, scope: Any, send: Any, language: str) -> Any:
        cookies = SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
        session = self._sessions.of(cookies[COOKIE].value if COOKIE in cookies else None)
        given = (
            f"{COOKIE}={session.key}; Path=/; HttpOnly; SameSite=Strict",
            f"{LANGUAGE_COOKIE}={language}; Path=/; Max-Age={YEAR_S}; HttpOnly; SameSite=Lax",
        )

        async def send_with_cookies(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(b"set-cookie", cookie.encode()) for cookie in given] + [(b"cache-control", b"no-store")]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        return send_with_cookies


async def _refuse(send: Any) -> None:
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
