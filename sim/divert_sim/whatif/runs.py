"""Many runs at once, in processes. What they come to does not depend on how many processes there are."""

import gc
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

from divert_sim.whatif.play import Player, Study
from divert_sim.whatif.scenario import Configuration
from divert_sim.whatif.tally import Run

CHUNK = 5
"""Seeds that a process plays of one scenario before it is given the next."""


@dataclass(slots=True)
class _Worker:
    """What a process holds: the study, and the player that it used last."""

    study: Study
    configurations: Sequence[Configuration]
    playing: int = -1
    player: Player | None = None


_held: list[_Worker] = []
"""One in each process of a pool; a pool's initializer has no other place to put it."""


def played(
    study: Study,
    configurations: Sequence[Configuration],
    seeds: int,
    *,
    workers: int,
    progress: Callable[[int], None],
) -> list[list[Run]]:
    """Play every configuration with the seeds 0, 1 and so on.

    Args:
        study: what the runs have in common.
        configurations: what is proposed.
        seeds: how many.
        workers: how many processes; 1 plays in this one.
        progress: is told how many runs were done since it was told last.

    Returns:
        The runs of each configuration in the order of the seeds, without the endings of single calls.
    """
    lean = replace(study, calls=replace(study.calls, recorded=()))
    chunks = [
        (number, tuple(range(first, min(first + CHUNK, seeds))))
        for number in range(len(configurations))
        for first in range(0, seeds, CHUNK)
    ]
    found: dict[tuple[int, int], Run] = {}
    if workers == 1:
        worker = _Worker(lean, configurations)
        for chunk in chunks:
            found |= _play(worker, *chunk)
            progress(len(chunk[1]))
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _hold, (lean, configurations)) as pool:
            futures = [pool.submit(_play_held, *chunk) for chunk in chunks]
            for future in as_completed(futures):
                done = future.result()
                found |= done
                progress(len(done))
    return [[found[number, seed] for seed in range(seeds)] for number in range(len(configurations))]


def _hold(study: Study, configurations: Sequence[Configuration]) -> None:
    _held.append(_Worker(study, configurations))
    # What is there now stays; a run leaves few circles behind, and looking for them often costs a third of the time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


def _play_held(number: int, seeds: Sequence[int]) -> dict[tuple[int, int], Run]:
    return _play(_held[0], number, seeds)


def _play(worker: _Worker, number: int, seeds: Sequence[int]) -> dict[tuple[int, int], Run]:
    if worker.playing != number or worker.player is None:
        worker.playing, worker.player = number, Player(worker.study, worker.configurations[number])
    found: dict[tuple[int, int], Run] = {}
    for seed in seeds:
        found[number, seed] = replace(worker.player.play(seed), endings={})
    return found
