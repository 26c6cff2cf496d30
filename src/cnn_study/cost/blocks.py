"""Networks measured in turns: in randomised blocks, which are the replicates.

Whatever else happens on the machine then falls on all networks alike, and what is left of it differs from block to
block: that is the spread from which an interval of a ratio comes. Steps that follow one another share what happens
to them, and are no replicates.
"""

import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Protocol

BLOCKS = 20
FEWEST_BLOCKS = 5  # however long they take
SECONDS = 8.0  # for each network, about, in all blocks together
MOST_STEPS = 5  # of a network in a block


@dataclass(frozen=True)
class Step:
    """What a training step took, in seconds."""

    forward: float
    backward: float
    optimizer: float
    processor: float


class Stepper(Protocol):
    """A network that is ready to be trained."""

    def step(self) -> Step:
        """Do one training step."""

    def rest(self) -> None:
        """Give back what only the next step needs, since another network has its turn."""


@dataclass(frozen=True)
class Turns:
    """What one network's steps took: for each block the mean of ``steps`` steps."""

    steps: int
    blocks: list[Step]


def measure(
    networks: Mapping[str, Stepper],
    now: Callable[[], float],
    watch: Callable[[int, int, float], None],
    seed: int = 0,
) -> dict[str, Turns]:
    """What a step of each takes, in blocks: each block has every network once, in an order drawn with ``seed``.

    In its turn a network does one step that does not count, since another one's numbers are in the caches, and
    then as many as its share of SECONDS has room for, at most MOST_STEPS. There are BLOCKS of them, or fewer where
    the networks are slow. ``now`` is a clock, in seconds; ``watch`` is told after each block how many are done,
    how many there will be, and about how many seconds are left.
    """
    turns = {name: Turns(_steps_in_a_block(stepper, now), []) for name, stepper in networks.items()}
    order, generator = list(networks), random.Random(seed)
    started, most = now(), SECONDS * len(networks)
    for done in range(1, BLOCKS + 1):
        generator.shuffle(order)
        for name in order:
            turns[name].blocks.append(_mean_step(networks[name], turns[name].steps))
        spent = now() - started
        blocks = min(BLOCKS, max(FEWEST_BLOCKS, done, int(most * done / spent) if spent > 0 else BLOCKS))
        watch(done, blocks, spent / done * (blocks - done))
        if done == blocks:
            break
    return turns


def _steps_in_a_block(stepper: Stepper, now: Callable[[], float]) -> int:
    """As many as fit beside the one that does not count; the first of all prepares kernels, and is not asked."""
    stepper.step()
    started = now()
    stepper.step()
    seconds = now() - started
    stepper.rest()
    fitting = int(SECONDS / BLOCKS / seconds) - 1 if seconds > 0 else MOST_STEPS
    return min(MOST_STEPS, max(1, fitting))


def _mean_step(stepper: Stepper, count: int) -> Step:
    stepper.step()
    steps = [astuple(stepper.step()) for _ in range(count)]
    stepper.rest()
    return Step(*map(statistics.fmean, zip(*steps, strict=True)))
