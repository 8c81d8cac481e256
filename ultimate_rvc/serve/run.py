"""Listening: the application on a port, until somebody ends it."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ultimate_rvc import paths
from ultimate_rvc.covers.checks import require_writable
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import ServerOptions
from ultimate_rvc.serve.guard import is_loopback
from ultimate_rvc.warm.engine import Engine

if TYPE_CHECKING:
    import uvicorn

logger = logging.getLogger(__name__)

NEEDED = ("fastapi", "uvicorn", "python_multipart", "fastapi_offline")
# Uploads and answers that are under way when the server is ended.
GRACE_S = 5


def serve(settings: ServerOptions, open_engine: Callable[[], Engine], announce: Callable[[str], None]) -> None:
    """Serves until Ctrl-C or SIGTERM; announces its address when it can be reached.

    Raises OptionError for an address that cannot be listened on, or for missing packages, OutputError.
    """
    require_packages()
    require_meant(settings)
    require_writable(paths.temp_dir())
    with _listening(settings) as listener:
        from ultimate_rvc.serve.app import create_app

        app = create_app(settings, open_engine())
        announce(_address(settings.host, listener.getsockname()[1]))
        try:
            _server(app).run(sockets=[listener])
        except KeyboardInterrupt:  # the server has ended in order and passes the signal on
            logger.info("Ended by Ctrl-C")
        if app.state.board.at_work:
            leave_at_once()


def require_packages() -> None:
    """Raises OptionError with the install line unless the packages of the extra are here."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise OptionError(f"the server needs {', '.join(missing)}: ./urvc-macos.sh install --serve")


def require_meant(settings: ServerOptions) -> None:
    """Raises OptionError for an address that others can reach unless that was asked for; warns when it was."""
    if is_loopback(settings.host):
        return
    if not settings.listen:
        raise OptionError(f"host {settings.host} can be reached by other machines; add --listen if that is meant")
    logger.warning("Whoever reaches port %d can use this server; there is no password", settings.port)


def _listening(settings: ServerOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise OptionError(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); choose another --port"
        ) from error


def leave_at_once() -> NoReturn:
    """Ends the process although a span is being converted, once all files are removed.

    No thread can be stopped inside torch, and the interpreter's own way out would tear its threads down and abort.
    """
    logger.info("A span was not waited for")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _server(app: Any) -> "uvicorn.Server":
    """A server that stops its jobs as soon as it is told to end: whoever watches one would keep it from ending."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.board.ask_to_stop()
            super().handle_exit(signal.Signals(sig), frame)

    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S, ws="none"
    )
    return Server(config)
