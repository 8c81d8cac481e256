"""`urvc models …`: weights that others trained, fetched ahead of time for work without a network."""

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.screen import hand_over, open_screen
from ultimate_rvc.cli.session import Session, debug_option, quiet_option


@click.group()
def models() -> None:
    """Content encoders and pitch estimators."""


@models.command()
@click.argument("names", nargs=-1, required=True)
@debug_option
@quiet_option
@click.pass_context
def fetch(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Download the encoders and estimators NAMES (contentvec, rmvpe, …) unless they are here."""
    from ultimate_rvc.weights import ensure

    with logs.attached(), open_screen(ctx.ensure_object(Session).quiet) as screen:
        places = [ensure(name, screen.on_progress) for name in names]
    for place in places:
        hand_over(place)
