"""Ten thousand broken media files: what comes of looking into them, apart and in one process.

    python bench/malformed.py --files 10000

Makes each file by chance from small sound ones (seeded: file n is always the same), looks into it as a calendar
or a publisher would, and prints the outcomes, the time and the memory. Leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "harness"))

from malformed_media import malformed, outcome, samples

from x_provider.media import MediaError

METHOD = """\
{files:,} files (seed {seed}) made from {kinds} small sound ones (JPEG, PNG, GIF, WEBP, BMP, TIFF, MP4, MOV, WEBM, TS,
SRT, VTT) by 1 to 4 changes each: flipped bits, changed headers, truncation, pieces of other files, lengths written
over or between, repeated, dropped or blanked stretches
  apart  as it is: every file in a child process with limits on time, memory and disk
  here   for comparison: the same decoders called in one process without limits, which is started again when it dies
"""
STUCK_SECONDS = 60


@dataclass
class Looked:
    """What came of the files, one way."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0
    slowest: tuple[float, str] = (0, "")
    peak_mebibytes: int = 0
    deaths: list[str] = field(default_factory=list)


def main() -> None:
    arguments = parse()
    if arguments.here_from is not None:
        look_here(Path(arguments.folder), arguments.here_from, arguments.files, arguments.seed)
        return
    with tempfile.TemporaryDirectory(prefix="x-malformed-bench-") as name:
        folder = Path(name)
        (folder / "sound").mkdir()
        kinds = samples(folder / "sound")
        print(METHOD.format(files=arguments.files, seed=arguments.seed, kinds=len(kinds)))
        report("apart", look_apart(folder, kinds, arguments.files, arguments.seed), arguments.files)
        report("here", look_here_and_restart(folder, arguments.files, arguments.seed), arguments.files)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--here-from", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def look(folder: Path, kinds: dict[str, bytes], number: int, seed: int) -> tuple[str, str, float]:
    """Make a file, look into it, and say its name, what came of it and how long that took."""
    name, content = malformed(kinds, number, seed)
    path = folder / f"{number}-{name}"
    path.write_bytes(content)
    began = time.perf_counter()
    came = outcome(path)
    seconds = time.perf_counter() - began
    path.unlink()
    return path.name, came, seconds


def look_apart(folder: Path, kinds: dict[str, bytes], files: int, seed: int) -> Looked:
    looked = Looked()
    for number in range(files):
        name, came, seconds = look(folder, kinds, number, seed)
        count(looked, name, came, seconds)
    looked.peak_mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return looked


def count(looked: Looked, name: str, came: str, seconds: float) -> None:
    looked.outcomes[came] += 1
    looked.seconds += seconds
    looked.slowest = max(looked.slowest, (seconds, name))
    if came not in {"measured", "refused"}:
        looked.deaths.append(f"{name}: {came}")


def look_here_and_restart(folder: Path, files: int, seed: int) -> Looked:
    looked, number = Looked(), 0
    while number < files:
        command = [
            sys.executable,
            __file__,
            "--folder",
            folder,
            "--here-from",
            str(number),
            "--files",
            str(files),
        ]
        process = subprocess.Popen(
            [*map(str, command), "--seed", str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            count(looked, said["name"], said["came"], said["seconds"])
            looked.peak_mebibytes = max(looked.peak_mebibytes, said["peak"])
            number += 1
        code = process.wait()
        if number < files:
            words = signal.Signals(-code).name if code < 0 else f"exit {code}"
            looked.outcomes["stuck" if code == -signal.SIGALRM else "died"] += 1
            looked.deaths.append(f"{number}: {words}")
            number += 1
    return looked


def look_here(folder: Path, begin: int, files: int, seed: int) -> None:
    kinds = {path.name: path.read_bytes() for path in sorted((folder / "sound").iterdir())}
    decode_in_this_process()
    for number in range(begin, files):
        signal.alarm(STUCK_SECONDS)
        name, came, seconds = look(folder, kinds, number, seed)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(json.dumps({"name": name, "came": came, "seconds": seconds, "peak": peak}), flush=True)


def decode_in_this_process() -> None:
    """Take the walls away."""
    import dataclasses  # noqa: PLC0415
    import importlib  # noqa: PLC0415

    from x_provider.media import inspecting  # noqa: PLC0415

    def here(module: str, function: str, path: Path, arguments: dict, *, name: str, **_: int) -> dict:
        try:
            return dataclasses.asdict(getattr(importlib.import_module(module), function)(path, **arguments))
        except MemoryError:
            raise MediaError(f"{name} takes too much memory", "Make it smaller") from None

    inspecting.apart = here


def report(way: str, looked: Looked, files: int) -> None:
    counts = ", ".join(f"{number:,} {came}" for came, number in looked.outcomes.most_common())
    seconds, name = looked.slowest
    print(f"{way:<6} {counts}")
    print(
        f"       {looked.seconds / files * 1000:.1f} ms a file; slowest {seconds:.2f} s ({name});"
        f" peak {looked.peak_mebibytes:,} MiB in the process that asks"
    )
    for death in looked.deaths[:20]:
        print(f"       {death}")


if __name__ == "__main__":
    main()
