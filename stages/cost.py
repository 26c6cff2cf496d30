"""The specs of all networks, and what of their recipes a step depends on -> results/timing/cost.json.

What a training step takes: all networks are measured in turns, on random images, in this one process. Where the
file is there already, only what is new is measured, in turns with the network that is the reference.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cnn_study.base.code import fingerprint, loaded_sources, refuse_edited_sources, sources_digest
from cnn_study.base.environment import set_up
from cnn_study.base.errors import StudyError
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.cost.blocks import measure
from cnn_study.cost.records import NOTHING, Measured, Session, StepCosts
from cnn_study.cost.step import Job, TimedStep
from cnn_study.data.shape import Shape, load_shape
from cnn_study.training.entry import Entry
from cnn_study.training.layer_check import checked
from cnn_study.training.recipe import Training

SHAPE = Path("results/data/shape.json")
COSTS = Path("results/timing/cost.json")
# What a measurement depends on besides the machine.
SOURCES = (
    Path("src/cnn_study/base"),
    Path("src/cnn_study/cost"),
    Path("src/cnn_study/data"),
    Path("src/cnn_study/networks"),
    Path("src/cnn_study/training"),
    Path("stages/__init__.py"),
    Path("stages/cost.py"),
)


def main() -> None:
    loaded_sources()  # now, before any of them can have been edited
    shape = load_shape(SHAPE)
    jobs = read_jobs(shape)
    digest = sources_digest(*SOURCES)
    wanted = {name: fingerprint(digest, shape, job) for name, job in jobs.items()}
    known = read_known()
    names = known.to_measure(wanted)
    session = measured({name: jobs[name] for name in names}, wanted, shape) if names else None
    refuse_edited_sources()
    known.joined(session, wanted).write(COSTS)


def read_jobs(shape: Shape) -> dict[str, Job]:
    """What is to be measured, by architecture, in the order of params.yaml."""
    params = read_yaml()
    shared = parse(Training, section(params, "training"), "training")
    jobs = {}
    for name, content in section(params, "architectures").items():
        entry = parse(Entry, content, "architectures", name)
        recipe = entry.trained_by(shared).recipe
        environment = set_up(recipe.device, recipe.precision, recipe.threads)
        environment = checked(environment, entry.network, shape, name)
        jobs[name] = Job(entry.network, recipe.batch_size, recipe.optimizer, environment)
    return jobs


def read_known() -> StepCosts:
    """What has been measured before; nothing where the file is missing, damaged or another version's."""
    try:
        return StepCosts.read(COSTS)
    except StudyError:
        return NOTHING


def measured(jobs: Mapping[str, Job], wanted: Mapping[str, str], shape: Shape) -> Session:
    """These networks, measured in turns."""
    turns = measure({name: TimedStep(job, shape) for name, job in jobs.items()}, time.perf_counter, say)
    return Session(
        networks={
            name: Measured(
                known_by=wanted[name],
                environment=job.environment,
                batch_size=job.batch_size,
                optimizer=job.optimizer,
                steps=turns[name].steps,
                forward_seconds=tuple(block.forward for block in turns[name].blocks),
                backward_seconds=tuple(block.backward for block in turns[name].blocks),
                optimizer_seconds=tuple(block.optimizer for block in turns[name].blocks),
                processor_seconds=tuple(block.processor for block in turns[name].blocks),
            )
            for name, job in jobs.items()
        }
    )


def say(done: int, blocks: int, seconds_left: float) -> None:
    print(f"cost block {done}/{blocks}: about {seconds_left:.0f} s to go", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
