"""A dataset's slices: each file is judged and cut on its own, and what an earlier run made of it is kept.

The report is the memory of a run. A file whose bytes and options are those of its last run keeps its number and its
slices; everything else that lies in the folders of slices is removed.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ultimate_rvc.audio.file import load
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import AudioError, InputError
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.train.data.checks import Problem, problems_of
from ultimate_rvc.rvc.train.data.plan import Plan, plans_of
from ultimate_rvc.rvc.train.data.report import DatasetReport, FileReport, Key, load_report, save_report
from ultimate_rvc.rvc.train.data.slices import REST_DB, slices_of, write_slice
from ultimate_rvc.rvc.train.data.sources import find_sources
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.info import update_info

AUDIO_SUFFIXES = frozenset(
    (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus", ".aif", ".aiff", ".wma", ".mp4", ".webm", ".mka")
)
# How much finished work a kill can cost.
SAVE_EVERY_S = 2.0
FINGERPRINT_BYTES = 16
T, R = TypeVar("T"), TypeVar("R")


def preprocess_dataset(
    experiment: Experiment, dataset: Path, options: DatasetOptions, on_progress: OnProgress = silent
) -> DatasetReport:
    """Cuts the dataset's recordings into slices and says what became of each file.

    Raises InputError when there is no such folder or nothing in it can be used, OutputError when slices cannot be
    written. The report is there in either case.
    """
    run = Run(experiment, dataset, options, on_progress)
    plans = plans_of(run.files(), run.kept())
    run.begin(plans)
    report = run.do(plans)
    _check_something_is_left(report, experiment.dataset_report)
    _tell(experiment, report, options.sample_rate)
    return report


@dataclass(frozen=True)
class Run:
    """One pass over a dataset."""

    experiment: Experiment
    dataset: Path
    options: DatasetOptions
    on_progress: OnProgress

    def files(self) -> list[FileReport]:
        """Every file of the dataset, of which nothing is known but its name, its speaker and its bytes."""
        sources = find_sources(self.dataset)
        prints = dict(self._side_by_side("read files", _printed, [source.path for source in sources]))
        return [
            FileReport(str(source.path.relative_to(self.dataset)), source.speaker, prints[source.path])
            for source in sources
        ]

    def kept(self) -> dict[Key, FileReport]:
        """What an earlier run with the same options made and is still there."""
        earlier = load_report(self.experiment.dataset_report)
        if earlier is None or earlier.options != self._settings():
            return {}
        folders = self.experiment.slices, self.experiment.slices_16k
        there = set.intersection(*({path.stem for path in folder.glob("*.wav")} for folder in folders))
        files = (file for file in earlier.files if file.number is not None and file.fingerprint)
        return {file.key: file for file in files if there.issuperset(file.slices)}

    def begin(self, plans: Sequence[Plan]) -> None:
        """Removes what is no slice of this dataset, and the list of what is trained on where it will be another.

        The report comes first: whenever this is cut short, it names no slice that other options have made.
        """
        self._save(plans, _done(plans))
        kept = {name for plan in plans for name in plan.report.slices}
        strays = [path for path in self._in_folders() if path.name.split(".")[0] not in kept]
        for path in strays:
            path.unlink()
        if strays or not all(plan.done for plan in plans):
            self.experiment.filelist.unlink(missing_ok=True)

    def _in_folders(self) -> Iterator[Path]:
        for folder in (self.experiment.slices, self.experiment.slices_16k):
            yield from (path for path in folder.glob("*") if path.is_file())

    def do(self, plans: Sequence[Plan]) -> DatasetReport:
        """Makes what is not made yet; the report is saved now and then, and at the end."""
        made = _done(plans)
        saved_s = time.monotonic()
        for report in self._side_by_side("cut into slices", self.make, [p.report for p in plans if not p.done]):
            made[report.path] = report
            if time.monotonic() - saved_s > SAVE_EVERY_S:
                self._save(plans, made)
                saved_s = time.monotonic()
        return self._save(plans, made)

    def _save(self, plans: Iterable[Plan], made: dict[str, FileReport]) -> DatasetReport:
        files = tuple(made[plan.report.path] for plan in plans if plan.report.path in made)
        report = DatasetReport(str(self.dataset), self._settings(), files)
        save_report(report, self.experiment.dataset_report)
        return report

    def _settings(self) -> dict[str, Any]:
        """The options that slices depend on."""
        return {name: value for name, value in asdict(self.options).items() if name != "cpu_cores"}

    def make(self, file: FileReport) -> FileReport:
        """Judges and cuts one file."""
        try:
            audio = load(self.dataset / file.path)
        except AudioError as error:
            return replace(file, number=None, problems=(_unreadable(self.dataset / file.path, error),))
        problems = tuple(problems_of(audio, self.options))
        seen = replace(file, duration_s=audio.duration_s, rate_hz=audio.rate, problems=problems)
        return seen if any(problem.fatal for problem in problems) else self._cut(seen, audio)

    def _cut(self, file: FileReport, audio: Audio) -> FileReport:
        names, samples, rests = [], 0, 0
        for piece in slices_of(audio, self.options):
            if piece.is_rest:
                rests += 1
                continue
            names.append(f"{file.speaker}_{file.number}_{piece.number}")
            samples += len(piece.wav)
            write_slice(self.experiment, names[-1], piece.wav, self.options.sample_rate)
        sliced_s = samples / self.options.sample_rate
        done = replace(file, slices=tuple(names), sliced_s=sliced_s, silent_slices=rests)
        return done if names else replace(done, problems=(*file.problems, self._nothing(rests)))

    def _nothing(self, rests: int) -> Problem:
        """Why a recording gave no slice."""
        if rests:
            return Problem("silent", f"nothing in it rises above {REST_DB:g} dB")
        if self.options.split_method == "Simple":
            return Problem("too short", f"it is shorter than one piece of {self.options.chunk_len:g} s (chunk_len)")
        return Problem("too short", "no piece of it between silences is long enough for a slice")

    def _side_by_side(self, stage: str, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Results as they come. Where one fails or the caller leaves, what has not begun never begins."""
        with ThreadPoolExecutor(self.options.cpu_cores or os.cpu_count()) as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    yield future.result()
                    self.on_progress(Progress(stage, done, len(items)))
            finally:
                pool.shutdown(cancel_futures=True)


def _done(plans: Iterable[Plan]) -> dict[str, FileReport]:
    return {plan.report.path: plan.report for plan in plans if plan.done}


def _printed(path: Path) -> tuple[Path, str]:
    """A file and the fingerprint of its bytes; an empty one where it cannot be read, which its decoding will tell."""
    try:
        with path.open("rb") as file:
            state = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=FINGERPRINT_BYTES))
            return path, state.hexdigest()
    except OSError:
        return path, ""


def _unreadable(path: Path, error: AudioError) -> Problem:
    kind = "damaged" if path.suffix.lower() in AUDIO_SUFFIXES else "not audio"
    return Problem(kind, str(error).replace(repr(str(path)), "it", 1))


def _check_something_is_left(report: DatasetReport, path: Path) -> None:
    if report.used:
        return
    if not report.files:
        raise InputError(f"dataset {report.dataset!r} is empty; put recordings there ('urvc train populate-dataset')")
    file, problem = next(iter(report.problems()))
    others = f"; {path} tells of {len(report.files) - 1} more" if len(report.files) > 1 else ""
    raise InputError(f"nothing in {report.dataset!r} can be used: {file.path}: {problem.text}{others}")


def _tell(experiment: Experiment, report: DatasetReport, rate: int) -> None:
    minutes, seconds = divmod(int(report.duration_s), 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    update_info(experiment, total_dataset_duration=clock, total_seconds=report.duration_s, sample_rate=rate)
