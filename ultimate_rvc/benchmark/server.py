"""A process that is measured: a JSON request a line on stdin, an answer a line on stdout.

    python -P server.py RUNNER.py

RUNNER.py holds a class `Runner`; a request {"do": NAME, ...} calls its method of that name with the other fields. An
answer is {"value", "seconds", "peak_bytes"} or {"error": {"kind", "message"}}. This file is started as a script and
knows nothing of this package, because a runner may be about another one of the same name.
"""

import importlib.util
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

# Errors of this class are said on purpose: what was asked for cannot be done here. Anything else is a failure.
ON_PURPOSE = "UrvcError"


def main() -> None:
    """Answers until stdin ends."""
    answers, requests = _own_stdout(), SimpleQueue()
    runner = _load(Path(sys.argv[1])).Runner()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        answers.write(json.dumps(_answer(runner, json.loads(requests.get()))) + "\n")
        answers.flush()


def _read(requests: SimpleQueue) -> None:
    """Hands requests over; when whoever asks is gone, so is this process, also in the middle of its work."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _own_stdout() -> TextIO:
    """Stdout for answers alone: whatever else is written there goes to stderr from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w", encoding="utf-8")


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("runner", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _answer(runner: Any, request: dict[str, Any]) -> dict[str, Any]:
    call = getattr(runner, request.pop("do"))
    started = time.perf_counter()
    try:
        value = call(**request)
    except Exception as error:
        traceback.print_exc()
        return {"error": {"kind": _kind(error), "message": f"{_words(error)}"}}
    return {"value": value, "seconds": time.perf_counter() - started, "peak_bytes": peak_bytes()}


def _kind(error: Exception) -> str:
    return "refused" if ON_PURPOSE in [kind.__name__ for kind in type(error).__mro__] else "failed"


def _words(error: Exception) -> str:
    said = " ".join(str(error).split()) or "no message"
    return said if _kind(error) == "refused" else f"{type(error).__name__}: {said}"


def peak_bytes() -> int:
    """The most memory that this process ever held; 0 where the system does not say.

    From /proc where there is one: getrusage counts there what the process that started this one held.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    peak_kb = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
    return peak_kb * 1024 if peak_kb is not None else _peak_by_getrusage()


def _peak_by_getrusage() -> int:
    if os.name == "nt":
        return 0
    import resource

    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
