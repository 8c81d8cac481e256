"""model_info.json: what is known of a training's dataset, shared by the steps and with other RVC tools."""

import json
from typing import Any

from ultimate_rvc.audio.file import replacing
from ultimate_rvc.errors import InputError
from ultimate_rvc.rvc.train.experiment import Experiment


def read_info(experiment: Experiment) -> dict[str, Any]:
    """Its facts; none where there is no such file. Raises InputError when it is not a table of JSON."""
    try:
        facts = json.loads(experiment.info.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{experiment.info} cannot be read as JSON ({error}); preprocess the dataset again") from error
    if not isinstance(facts, dict):
        raise InputError(f"{experiment.info} holds no table of facts; preprocess the dataset again")
    return facts


def update_info(experiment: Experiment, **facts: Any) -> None:
    """Adds these facts, or changes them; others stay."""
    write_json(experiment.info, read_info(experiment) | facts)


def write_json(path: Any, value: Any) -> None:
    """The value as indented JSON, whole or not at all. Raises OutputError."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")
