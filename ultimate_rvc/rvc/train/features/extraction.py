"""Measures every slice: pitch [F] and content [L, D], each in a file of its own; what is there already is kept.

F pitch frames (100 a second) · L content frames (50 a second) · D 768 (v2) or 256 (v1)
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from ultimate_rvc import device as devices
from ultimate_rvc import weights
from ultimate_rvc.device import Device
from ultimate_rvc.errors import InputError
from ultimate_rvc.options_training import FeatureOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc import pitch as pitches
from ultimate_rvc.rvc.seams import Embedder
from ultimate_rvc.rvc.train import hyperparameters
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.features.content import ContentEncoder, width_of
from ultimate_rvc.rvc.train.features.filelist import Lists, by_number, write_filelist, write_pitch
from ultimate_rvc.rvc.train.features.files import is_fresh, keep_only, read_slice, save_array
from ultimate_rvc.rvc.train.features.mutes import MUTE, write_mute
from ultimate_rvc.rvc.train.info import read_info, update_info, write_json

logger = logging.getLogger(__name__)

# Slices of one length that an encoder hears at once.
BATCH_SLICES = 8
M = TypeVar("M")


@dataclass(frozen=True)
class Extracted:
    """What a training can begin with."""

    experiment: Experiment
    version: str
    slices: int
    left_out: tuple[str, ...]
    speakers: int


@dataclass(frozen=True)
class Station(Generic[M]):
    """A model and the device that it is on."""

    model: M
    device: torch.device


def extract_features(
    experiment: Experiment,
    encoder: ContentEncoder,
    options: FeatureOptions,
    on: Sequence[Device],
    on_progress: OnProgress = silent,
) -> Extracted:
    """Pitch and content of every slice, the slice of silence, the configuration and the list of what is trained on.

    Raises InputError without slices, WeightsNotFound, CheckpointError or DownloadError for models, OutputError.
    """
    names = _slices(experiment)
    rate = _rate(experiment)
    lists = Lists(experiment, options.f0_method, encoder.id)
    for folder in (lists.content(MUTE), lists.coarse(MUTE), lists.pitch(MUTE)):
        keep_only(folder.parent, names)
    _find_pitch(lists, names, _stations(on, options, lambda one: _estimator(options, one, on_progress)), on_progress)
    embedders = _stations(on, options, lambda one: encoder.load(one.torch))
    _hear_content(lists, names, embedders, on_progress)
    if options.include_mutes:
        write_mute(lists, rate, embedders[0].model, embedders[0].device)
    return _finish(lists, names, encoder, options)


def _slices(experiment: Experiment) -> list[str]:
    names = sorted((path.stem for path in experiment.slices_16k.glob("*.wav")), key=by_number)
    if not names:
        raise InputError(f"training {experiment.name!r} has no slices; run 'urvc train preprocess-dataset' first")
    return names


def _rate(experiment: Experiment) -> int:
    rate = read_info(experiment).get("sample_rate")
    if rate not in hyperparameters.RATES:
        known = ", ".join(map(str, hyperparameters.RATES))
        raise InputError(f"{experiment.info} has the sample_rate {rate!r}, not one of {known}; preprocess again")
    return rate


def _estimator(options: FeatureOptions, on: Device, on_progress: OnProgress) -> Any:
    if pitches.needs_download(options.f0_method) and options.f0_method in weights.CATALOGUE:
        weights.ensure(options.f0_method, on_progress)
    return pitches.load(options.f0_method, on.torch)


def _stations(on: Sequence[Device], options: FeatureOptions, load: Callable[[Device], M]) -> list[Station[M]]:
    """A model per device; on the CPU it is used by as many threads as keep the cores busy beside torch's own."""
    devices.wake()
    stations = [Station(load(one), one.torch) for one in on]
    if on[0].kind != "cpu":
        return stations
    cores = options.cpu_cores or os.cpu_count() or 1
    return stations * max(1, cores // torch.get_num_threads())


def _find_pitch(lists: Lists, names: Sequence[str], stations: Sequence[Station], on_progress: OnProgress) -> None:
    def work(station: Station, batch: list[str]) -> None:
        for name in batch:
            write_pitch(lists, name, station.model(read_slice(lists.audio_16k(name), station.device)))

    def is_there(name: str) -> bool:
        return all(is_fresh(path, lists.audio_16k(name)) for path in (lists.pitch(name), lists.coarse(name)))

    todo = [[name] for name in names if not is_there(name)]
    _spread(work, todo, stations, Counter("pitch", len(names), on_progress))


def _hear_content(
    lists: Lists, names: Sequence[str], stations: Sequence[Station[Embedder]], on_progress: OnProgress
) -> None:
    def work(station: Station[Embedder], batch: list[str]) -> None:
        wavs = torch.stack([read_slice(lists.audio_16k(name), station.device) for name in batch])  # [B, T]
        for name, features in zip(batch, station.model(wavs), strict=True):  # [L, D]
            _save_content(lists, name, features)

    todo = [name for name in names if not is_fresh(lists.content(name), lists.audio_16k(name))]
    _spread(work, list(_batches(lists, todo)), stations, Counter("content", len(names), on_progress))


def _save_content(lists: Lists, name: str, features: Tensor) -> None:
    if torch.isfinite(features).all():
        save_array(lists.content(name), features.float().cpu().numpy())
    else:
        logger.warning("The content of slice %s is not finite, so the slice is left out", name)


def _batches(lists: Lists, names: Iterable[str]) -> Iterator[list[str]]:
    """Slices of one length together: an encoder hears a batch as it hears its rows alone."""

    def size(name: str) -> int:
        return lists.audio_16k(name).stat().st_size

    for _, group in groupby(sorted(names, key=size), key=size):
        alike = list(group)
        for start in range(0, len(alike), BATCH_SLICES):
            yield alike[start : start + BATCH_SLICES]


@dataclass(frozen=True)
class Counter:
    """A stage of so many slices."""

    stage: str
    total: int
    on_progress: OnProgress

    def at(self, done: int) -> None:
        self.on_progress(Progress(self.stage, done, self.total))


def _spread(
    work: Callable[[Station, list[str]], None],
    batches: Sequence[list[str]],
    stations: Sequence[Station],
    counter: Counter,
) -> None:
    """Does the work of each batch on whichever station is free; progress counts what was there before too."""
    free: SimpleQueue[Station] = SimpleQueue()
    for station in stations:
        free.put(station)

    def on_a_free_one(batch: list[str]) -> int:
        station = free.get()
        try:
            work(station, batch)
        finally:
            free.put(station)
        return len(batch)

    done = counter.total - sum(map(len, batches))
    counter.at(done)
    with ThreadPoolExecutor(len(stations)) as pool:
        futures = [pool.submit(on_a_free_one, batch) for batch in batches]
        try:
            for future in as_completed(futures):
                done += future.result()
                counter.at(done)
        finally:
            pool.shutdown(cancel_futures=True)


def _finish(lists: Lists, names: Sequence[str], encoder: ContentEncoder, options: FeatureOptions) -> Extracted:
    experiment, version = lists.experiment, encoder.version
    complete = lists.complete()
    if not complete:
        raise InputError(f"no slice of {experiment.name!r} has both pitch and content; preprocess the dataset again")
    _write_configuration(experiment, _rate(experiment), width_of(version))
    speakers = write_filelist(lists, complete, MUTE, options.include_mutes)
    update_info(experiment, **encoder.facts(), speakers_id=speakers)
    missing = tuple(sorted(set(names) - set(complete), key=by_number))
    return Extracted(experiment, version, len(complete), missing, speakers)


def _write_configuration(experiment: Experiment, rate: int, width: int) -> None:
    """The rate's own numbers, unless there are some that fit: who changed them meant to."""
    if _fits(experiment, rate, width):
        logger.info("Kept %s, which is of %d Hz and features of %d numbers", experiment.config, rate, width)
        return
    write_json(experiment.config, hyperparameters.configuration(rate, width))


def _fits(experiment: Experiment, rate: int, width: int) -> bool:
    try:
        held = json.loads(experiment.config.read_text(encoding="utf-8"))
        return (held["data"]["sample_rate"], held["model"]["text_enc_hidden_dim"]) == (rate, width)
    except (OSError, ValueError, KeyError, TypeError):
        return False
