"""The `urvc` command: parses, calls, and turns every failure into one line."""

import sys
from collections.abc import Sequence

import click

from ultimate_rvc import __version__
from ultimate_rvc.cli import failures
from ultimate_rvc.cli.benchmark import benchmark
from ultimate_rvc.cli.cache import cache
from ultimate_rvc.cli.generate import generate
from ultimate_rvc.cli.models import models
from ultimate_rvc.cli.serve import serve
from ultimate_rvc.cli.session import Session, debug_option
from ultimate_rvc.cli.speech import speech
from ultimate_rvc.cli.train import train

# The launcher's word for "not the web page"; `urvc cli generate …` and `urvc generate …` are the same command.
OPTIONAL_WORD = "cli"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="urvc", message="%(prog)s %(version)s")
@debug_option
def root() -> None:
    """Song covers with RVC voices; the whole conversion stays on the device."""


root.add_command(benchmark)
root.add_command(cache)
root.add_command(generate)
generate.add_command(speech)
root.add_command(models)
root.add_command(serve)
root.add_command(train)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    session = Session()
    try:
        status = root.main(_without_optional(words), prog_name="urvc", standalone_mode=False, obj=session)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except (Exception, KeyboardInterrupt) as error:
        return failures.tell(error, session.debug, as_json=session.json)
    return status if isinstance(status, int) else 0


def _without_optional(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == [OPTIONAL_WORD] else words


if __name__ == "__main__":
    sys.exit(main())
