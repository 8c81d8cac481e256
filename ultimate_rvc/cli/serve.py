"""`urvc serve`: the warm process over HTTP."""

from typing import Any

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.knobs import Titled, knobs, record_of
from ultimate_rvc.cli.session import Session, engine_arguments, session_options
from ultimate_rvc.options import OptimizationConfig, ServerOptions


@click.command(cls=Titled)
@session_options
@knobs(ServerOptions, OptimizationConfig)
@click.pass_context
def serve(ctx: click.Context, **values: Any) -> None:
    """Answer HTTP requests on this machine; models stay loaded. The API page is at /docs."""
    from ultimate_rvc.serve.run import serve as run
    from ultimate_rvc.warm.engine import Engine

    arguments, preset = engine_arguments(ctx), ctx.ensure_object(Session).preset
    with logs.attached():
        run(record_of(ServerOptions, values), lambda: Engine(arguments, preset), _announce)


def _announce(address: str) -> None:
    click.echo(f"Serving at {address} (API page: {address}/docs); Ctrl-C ends it", err=True)
