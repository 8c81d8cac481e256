"""`urvc-web`: the page, until Ctrl-C. Flags are those of Ultimate RVC 0.6."""

import logging
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import click

from ultimate_rvc import telemetry
from ultimate_rvc.errors import OptionError, UrvcError
from ultimate_rvc.serve.guard import is_loopback

logger = logging.getLogger(__name__)

HOST, EVERYWHERE, PORT = "127.0.0.1", "0.0.0.0", 7860
NEEDED = ("gradio", "fastapi", "uvicorn")
PREFIX = "web-"
GRACE_S = 3
WARNING = "Whoever reaches {} can use this page: sing, change the voices and train. There is no password."


@click.command(context_settings={"help_option_names": ["--help"]})
@click.option("--listen", "-l", is_flag=True, help="Let other machines of the network open the page too.")
@click.option("--listen-host", "-h", metavar="HOST", help="With --listen, the address to listen on; left out: all.")
@click.option("--listen-port", "-p", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="The port.")
@click.option("--share", "-s", is_flag=True, help="Open the page to the world through a tunnel of gradio.live.")
def command(listen: bool, listen_host: str | None, listen_port: int, share: bool) -> None:
    """Open the web page on this machine."""
    host = (listen_host or EVERYWHERE) if listen else HOST
    if listen_host and not listen and not is_loopback(listen_host):
        raise OptionError(f"--listen-host {listen_host} needs --listen; other machines could reach the page")
    run(host, listen_port, share=share)


def run(host: str, port: int, *, share: bool = False) -> None:
    """Serves the page until Ctrl-C. Raises OptionError for missing packages and for an address that is taken."""
    require_packages()
    telemetry.switch_off()
    from ultimate_rvc.serve.folder import Folder
    from ultimate_rvc.serve.run import leave_at_once

    wide = not is_loopback(host)
    if wide or share:
        _say(f"Warning: {WARNING.format('the shared address' if share else f'port {port}')}")
    with _listener(host, port) as listener, Folder(PREFIX) as folder:
        from ultimate_rvc.web.app import Listening, create_app

        names = (host,) if wide and host != EVERYWHERE else ()
        app = create_app(folder, Listening(wide, share, names))
        own = listener.getsockname()[1]
        _say(f"The page is at http://{HOST if host == EVERYWHERE else host}:{own} (Ctrl-C ends it)")
        if share:
            _say(f"Shared at {_tunnel(own)}")
        _server(app).run(sockets=[listener])
    if app.state.desk.at_work:
        leave_at_once()


def require_packages() -> None:
    """Raises OptionError with the install line unless the packages of the extra are here."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise OptionError(f"the page needs {', '.join(missing)}: ./urvc-macos.sh run brings them, or pip install "
                          "'ultimate-rvc[web]'")  # fmt: skip


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OptionError(
            f"cannot listen on {host} port {port} ({error.strerror}); end what uses it, or choose another --listen-port"
        ) from error


def _tunnel(port: int) -> str:
    """The address of a tunnel to this port, which Gradio's own program opens. Raises OptionError."""
    from secrets import token_urlsafe

    from gradio.networking import setup_tunnel

    try:
        return setup_tunnel(HOST, port, token_urlsafe(32), None, None)
    except Exception as error:
        raise OptionError(f"the tunnel could not be opened ({error}); leave --share out") from error


def _server(app: Any) -> Any:
    """A server that stops its jobs as soon as it is told to end."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            for board in app.state.desk.boards.values():
                board.ask_to_stop()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S, ws="none"
    )
    return Server(config)


def _say(line: str) -> None:
    click.echo(line, err=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the page and returns the exit status; every failure is one line."""
    logging.getLogger("ultimate_rvc").addHandler(_stderr())
    try:
        return command.main(arguments, prog_name="urvc-web", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UrvcError as error:
        _say(f"Error: {error}")
        return 1
    except (KeyboardInterrupt, click.Abort):
        return 0


def _stderr() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    return handler


if __name__ == "__main__":
    sys.exit(main())
