"""A dataset's slices: each file is judged and cut on its own, and what an earlier run made of it is kept.

The report is the memory of a run. A file whose bytes and options are those of its last run keeps its number and its
slices; everything else that lies in the folders of slices is removed.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from ultimate_rvc.audio.file import load
from ultimate_rvc.errors import AudioError, InputError
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.train.data.checks import Problem, problems_of
from ultimate_rvc.rvc.train.data.report import DatasetReport, FileReport, load_report, save_report
from ultimate_rvc.rvc.train.data.slices import slices_of, write_slice
from ultimate_rvc.rvc.train.data.sources import SPEAKERS, Source, find_sources
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.info import update_info

AUDIO_SUFFIXES = frozenset(
    (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus", ".aif", ".aiff", ".wma", ".mp4", ".webm", ".mka")
)
# How much work a kill can cost, in finished files.
SAVE_EVERY_FILES = 16
FINGERPRINT_BYTES = 16
T, R = TypeVar("T"), TypeVar("R")


def preprocess_dataset(
    experiment: Experiment, dataset: Path, options: DatasetOptions, on_progress: OnProgress = silent
) -> DatasetReport:
    """Cuts the dataset's recordings into slices and says what became of each file.

    Raises InputError when there is no such folder or nothing in it can be used, OutputError when slices cannot be
    written. The report is there in either case.
    """
    sources = find_sources(dataset)
    workers = options.cpu_cores or os.cpu_count() or 1
    prints = list(_side_by_side(fingerprint, [source.path for source in sources], workers, "read files", on_progress))
    run = Run(experiment, dataset, options)
    plans = run.plans(sources, prints)
    run.tidy(plans)
    report = run.do(plans, workers, on_progress)
    _check_something_is_left(report, run.path)
    _tell(experiment, report, options.sample_rate)
    return report


def fingerprint(path: Path) -> str:
    """Of a file's bytes; empty where it cannot be read, which its decoding will say."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=FINGERPRINT_BYTES)).hexdigest()
    except OSError:
        return ""


@dataclass(frozen=True)
class Plan:
    """What is known of a file before it is opened; its report where an earlier run has made it."""

    source: Source
    draft: FileReport
    done: bool = False


@dataclass(frozen=True)
class Run:
    """One pass over a dataset."""

    experiment: Experiment
    dataset: Path
    options: DatasetOptions

    @property
    def path(self) -> Path:
        """The report's file."""
        return self.experiment.dataset_report

    def settings(self) -> dict:
        """The options that slices depend on."""
        return {name: value for name, value in asdict(self.options).items() if name != "cpu_cores"}

    def plans(self, sources: Sequence[Source], prints: Sequence[str]) -> list[Plan]:
        """A plan per file: those whose slices are there keep them, the others get the lowest numbers that are free."""
        kept = self._kept()
        taken = {kept[key].number for source, print_ in zip(sources, prints, strict=True)
                 if (key := (print_, source.speaker)) in kept}  # fmt: skip
        free = (number for number in range(len(sources) + len(taken)) if number not in taken)
        first: dict[str, str] = {}
        return [self._plan(source, print_, kept, free, first) for source, print_ in zip(sources, prints, strict=True)]

    def _plan(self, source: Source, print_: str, kept: dict, free: Iterator[int], first: dict[str, str]) -> Plan:
        name = str(source.path.relative_to(self.dataset))
        draft = FileReport(name, source.speaker, print_)
        if problem := _refusal(source) or _duplicate(name, first.setdefault(print_ or name, name)):
            return Plan(source, replace(draft, problems=(problem,)), done=True)
        if earlier := kept.get((print_, source.speaker)):
            return Plan(source, replace(earlier, path=name), done=True)
        return Plan(source, replace(draft, number=next(free)))

    def _kept(self) -> dict[tuple[str, int | None], FileReport]:
        """What an earlier run with the same options made and is still there, by fingerprint and speaker."""
        earlier = load_report(self.path)
        if earlier is None or earlier.options != self.settings():
            return {}
        folders = self.experiment.slices, self.experiment.slices_16k
        there = set.intersection(*({path.stem for path in folder.glob("*.wav")} for folder in folders))
        files = (file for file in earlier.files if file.number is not None and file.fingerprint)
        return {(file.fingerprint, file.speaker): file for file in files if there.issuperset(file.slices)}

    def tidy(self, plans: Iterable[Plan]) -> None:
        """Removes what is no slice of this dataset."""
        kept = {name for plan in plans for name in plan.draft.slices}
        for folder in (self.experiment.slices, self.experiment.slices_16k):
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.iterdir():
                if path.is_file() and path.name.split(".")[0] not in kept:
                    path.unlink()

    def do(self, plans: Sequence[Plan], workers: int, on_progress: OnProgress) -> DatasetReport:
        """Makes what is not made yet; the report is saved now and then, and at the end."""
        reports = {plan.source.path: plan.draft for plan in plans if plan.done}
        todo = [plan for plan in plans if not plan.done]
        report = self._report(plans, reports)
        save_report(report, self.path)
        for count, made in enumerate(_side_by_side_unordered(self.make, todo, workers, on_progress), start=1):
            reports[self.dataset / made.path] = made
            if count % SAVE_EVERY_FILES == 0 or count == len(todo):
                report = self._report(plans, reports)
                save_report(report, self.path)
        return report

    def _report(self, plans: Sequence[Plan], reports: dict[Path, FileReport]) -> DatasetReport:
        files = (reports[plan.source.path] for plan in plans if plan.source.path in reports)
        return DatasetReport(str(self.dataset), self.settings(), tuple(files))

    def make(self, plan: Plan) -> FileReport:
        """Judges and cuts one file."""
        try:
            audio = load(plan.source.path)
        except AudioError as error:
            return replace(plan.draft, number=None, problems=(_unreadable(plan.source.path, error),))
        problems = problems_of(audio, self.options.sample_rate)
        seen = replace(plan.draft, duration_s=audio.duration_s, rate_hz=audio.rate, problems=tuple(problems))
        if any(problem.fatal for problem in problems):
            return seen
        return self._cut(seen, audio)

    def _cut(self, draft: FileReport, audio) -> FileReport:
        names, sliced, rests, rate = [], 0, 0, self.options.sample_rate
        for piece in slices_of(audio, self.options):
            if piece.is_rest:
                rests += 1
                continue
            names.append(f"{draft.speaker}_{draft.number}_{piece.number}")
            write_slice(self.experiment, names[-1], piece.wav, rate)
            sliced += len(piece.wav)
        done = replace(draft, slices=tuple(names), sliced_s=sliced / rate, silent_slices=rests)
        return done if names else replace(done, problems=(*draft.problems, self._no_slice(rests)))

    def _no_slice(self, rests: int) -> Problem:
        if rests:
            return Problem("silent", "nothing in it rises above -60 dB")
        if self.options.split_method == "Simple":
            return Problem("too short", f"it is shorter than one piece of {self.options.chunk_len:g} s (chunk_len)")
        return Problem("too short", "no piece of it between silences is long enough for a slice")


def _refusal(source: Source) -> Problem | None:
    if source.speaker is not None:
        return None
    folder = source.path.parent.name
    return Problem("wrong folder", f"its folder {folder!r} is no speaker's number from 0 to {SPEAKERS - 1}")


def _duplicate(name: str, first: str) -> Problem | None:
    return Problem("duplicate", f"it is the same file as {first}") if first != name else None


def _unreadable(path: Path, error: AudioError) -> Problem:
    kind = "damaged" if path.suffix.lower() in AUDIO_SUFFIXES else "not audio"
    return Problem(kind, str(error))


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


def _side_by_side(
    work: Callable[[T], R], items: Sequence[T], workers: int, stage: str, on_progress: OnProgress
) -> Iterator[R]:
    """Results in the order of the items."""
    with ThreadPoolExecutor(workers) as pool:
        for done, result in enumerate(pool.map(work, items), start=1):
            on_progress(Progress(stage, done, len(items)))
            yield result


def _side_by_side_unordered(
    work: Callable[[T], R], items: Sequence[T], workers: int, on_progress: OnProgress
) -> Iterator[R]:
    """Results as they come. Where one fails or the caller leaves, what has not begun never begins."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                yield future.result()
                on_progress(Progress("cut into slices", done, len(items)))
        finally:
            pool.shutdown(cancel_futures=True)
