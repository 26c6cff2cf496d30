"""What a study of 200 architectures and 5 seeds would take on 64 GPUs: the tables of docs/scaling.md.

``python -m benchmarks.large_study`` prints them, from scale.json, ray.json and the committed results of the study.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.base.files import read_json
from cnn_study.base.yaml import read_yaml
from cnn_study.cost.blocks import SECONDS
from cnn_study.params.study import validate
from cnn_study.training.schedule import Schedule
from engine.driver import RECORD_SECONDS
from scripts import step_times
from scripts.estimate import FORWARD, steps_of_a_seed

ARCHITECTURES, SEEDS, AT_ONCE = 200, 5, 256
WAVES = -(-ARCHITECTURES * SEEDS // AT_ONCE)
SHOWN = (40, 100, 200)  # architectures
EPOCH = 10  # seconds of an epoch on a quarter of a GPU: nobody has measured that
IMAGES, TEST_IMAGES = 45_000, 10_000
# Seconds of `analyze` for each network of three seeds; by hand, once, on 2 cores with AVX2.
ANALYZE = 1.9
LOCK, RAY, SCALE = "`dvc.lock`", "[ray.json](../benchmarks/ray.json)", "[scale.json](../benchmarks/scale.json)"


@dataclass(frozen=True)
class Large:
    """What the estimate comes from: ``scale`` by architectures, ``ray``, and this study's networks of all budgets.

    In bytes ``images`` for training, validation and testing, a ``checkpoint``, and a seed's ``weights`` to all
    ``budgets`` with the checkpoint at its trunk's end, both means; in epochs what each search took,
    ``searched``, and what a ``seed`` takes; ``saved``: how often a seed writes a checkpoint.
    """

    scale: Mapping[int, Mapping[str, float]]
    ray: Mapping[str, Any]
    budgets: Sequence[int]
    images: Sequence[float]
    checkpoint: float
    weights: float
    searched: Sequence[int]
    seed: float
    saved: int

    @classmethod
    def read(cls, folder: Path) -> "Large":
        """From a clone's files."""
        params, lock = validate(read_yaml(folder / "params.yaml")), read_yaml(folder / "dvc.lock")["stages"]
        outs = {out["path"]: out["size"] for stage in lock.values() for out in stage["outs"]}
        summary = read_json(folder / "metrics/summary.json")["architectures"]
        budgets = params.training.budgets
        whole = {  # of networks with the budgets that most have
            name: outs[f"runs/train/{name}"] / len(training.seeds)
            for name, training in params.trainings.items()
            if training.budgets == budgets and name in summary
        }
        schedule = Schedule.of(params.training.recipe, IMAGES)
        # At the end of each epoch, and where a branch begins.
        trunk = {schedule.end(epoch) for epoch in range(1, schedule.branch(max(budgets)) // IMAGES + 1)}
        saved = len(trunk | {schedule.branch(budget) for budget in budgets})
        saved += sum(budget - schedule.branch(budget) // IMAGES for budget in budgets)
        return cls(
            {row["architectures"]: row for row in read_json(folder / "benchmarks/scale.json")["studies"]},
            read_json(folder / "benchmarks/ray.json"),
            budgets,
            [outs[f"data/prepared/{part}"] for part in ("train", "validation", "test")],
            statistics.mean(size - 4 * len(budgets) * summary[name]["parameters"] for name, size in whole.items()),
            statistics.mean(whole.values()),
            [len(read_json(folder / f"results/tune/{name}.json")["runs"]) for name in whole],
            steps_of_a_seed(schedule, budgets) / IMAGES,
            saved,
        )

    @property
    def task(self) -> float:
        """Seconds of a task beside its epochs."""
        return float(self.ray["runs"][-1]["other_seconds_per_task"])

    def measured(self) -> Iterator[str]:
        """The rows of the first table: what, how much, from where."""
        size = self.ray["checkpoint"]["bytes"] / 1e6
        rows: list[tuple[str, str, int, str, Sequence[float]]] = [
            ("images for training, validation and testing", "MB", 1, LOCK, [one / 1e6 for one in self.images]),
            ("a checkpoint", "MB", 1, LOCK, [self.checkpoint / 1e6]),
            ("a seed's weights for all budgets, and its checkpoint", "MB", 1, LOCK, [self.weights / 1e6]),
            ("a search, mean and longest", "epochs", 1, "`results/tune`", [self._searched, max(self.searched)]),
            ("a seed, all budgets", "epochs", 1, "`params.yaml`", [self.seed]),
            ("a task, beside its epochs", "s", 1, RAY, [self.task]),
            ("of this, the engine's share on the worker", "s", 2, RAY, [self.ray["empty_task"]["seconds"]]),
            (
                f"{size:.1f} MB from a worker to the driver's disk",
                "s",
                3,
                RAY,
                [self.ray["checkpoint"]["seconds"]],
            ),
            ("`cost`, a network, at least", "s", 0, "[blocks.py](../src/cnn_study/cost/blocks.py)", [SECONDS]),
            ("`analyze`, a network of three seeds, in small studies", "s", 1, "by hand, once", [ANALYZE]),
        ]
        for what, key, digits in (
            ("`dvc repro` with nothing to do", "dvc repro with nothing changed", 0),
            ("`dvc status`", "dvc status with nothing changed", 0),
            ("the engine reads the graph", "the engine reads the graph", 1),
            ("the engine begins a stage", "the engine begins a stage", 2),
            ("the engine records one stage", "the engine records 1 of train", 1),
            ("the engine records 20 at once", "the engine records 20 of train", 1),
        ):
            of = f"{what}: {_listed(SHOWN, 0)} architectures"
            rows.append((of, "s", digits, SCALE, [self.scale[count][f"{key}, s"] for count in SHOWN]))
        for what, unit, digits, where, values in rows:
            yield f"| {what} | {_listed(values, digits)} {unit} | {where} |"

    def calculated(self) -> Iterator[str]:
        """The rows of the second: what, how many seconds, from what."""
        for what, seconds, how in self._parts():
            yield f"| {what} | {seconds:,.0f} | {how} |"

    def in_all(self) -> str:
        """How long all of it takes."""
        searches, trainings, evaluations, driver, *alone = (seconds for _, seconds, _ in self._parts())
        tasks = searches + trainings + evaluations
        whole = max(tasks, driver) + sum(alone)
        return (
            f"At `t` = {EPOCH} s the tasks take {tasks / 60:.0f} minutes, the driver beside them "
            f"{driver / 60:.0f}, and the whole study {whole / 3600:.1f} hours."
        )

    def of_larger_networks(self, times: int = 100) -> str:
        """The same of networks so many times as large, whose epochs take as many times as long."""
        trainings = WAVES * self.seed * times * EPOCH
        weights = times * ARCHITECTURES * SEEDS * self.weights
        writes = times * self._writes
        return (
            f"With networks {times} times as large, at `t` = {times * EPOCH:,} s, trainings take "
            f"{trainings / 3600:.0f} hours, the driver writes checkpoints for {writes / 3600:.0f} hours, "
            f"and DVC has {weights / 1e12:.1f} TB to hash."
        )

    @property
    def _searched(self) -> float:
        return statistics.mean(self.searched)

    @property
    def _moved(self) -> float:
        """Bytes of checkpoints, and of weights: as they come, into runs/, and for evaluations."""
        return self._checkpoints * self.checkpoint + 3 * ARCHITECTURES * SEEDS * self.weights

    @property
    def _checkpoints(self) -> float:
        # A run of a search, of one epoch, writes two.
        return ARCHITECTURES * (SEEDS * self.saved + 2 * self._searched)

    @property
    def _writes(self) -> float:
        """Seconds of the driver for all of these."""
        return self._moved * float(self.ray["checkpoint"]["seconds"]) / float(self.ray["checkpoint"]["bytes"])

    def _parts(self) -> Iterator[tuple[str, float, str]]:
        evaluated = FORWARD * SEEDS * len(self.budgets) * TEST_IMAGES / IMAGES  # epochs
        begun = 4 * ARCHITECTURES  # stages: tune, train, evaluate and profile
        begins = begun * self._in_large("the engine begins a stage")
        first, twenty = (self._in_large(f"the engine records {count} of train") for count in (1, 20))
        batches = math.ceil((begins + self._writes) / RECORD_SECONDS)
        records = batches * first + (begun - batches) * (twenty - first) / 19
        status, graph, repro = (
            self._in_large(what)
            for what in (
                "dvc status with nothing changed", "the engine reads the graph", "dvc repro with nothing changed"
            )
        )  # fmt: skip
        steps = ARCHITECTURES * step_times.SECONDS
        yield from (
            (
                "searches",
                max(self.searched) * EPOCH + self.task,
                f"one wave, the longest: {max(self.searched)} `t` + {self.task:.1f}",
            ),
            (
                "trainings",
                WAVES * (self.seed * EPOCH + self.task),
                f"{ARCHITECTURES * SEEDS:,} in {WAVES} waves: {WAVES} × ({self.seed:.1f} `t` + {self.task:.1f})",
            ),
            (
                "evaluations and profiles",
                evaluated * EPOCH + 2 * self.task,
                f"a wave each: {FORWARD} × {SEEDS} seeds × {len(self.budgets)} budgets × {TEST_IMAGES:,} images / "
                f"{IMAGES:,} = {evaluated:.1f} `t`, and 2 × {self.task:.1f}",
            ),
            (
                "the driver, meanwhile",
                begins + records + self._writes,
                f"begins {begun} stages: {begins:.0f}; writes {self._checkpoints:,.0f} checkpoints, and weights "
                f"three times, {self._moved / 1e9:.0f} GB: {self._writes:.0f}; records what has ended once in "
                f"{RECORD_SECONDS} s of that, {batches} times: {records:.0f}",
            ),
            (
                "DVC, before and after",
                2 * status + steps + graph + repro,
                f"status twice, steps for the time left, graph, repro: 2 × {status:.0f} + {ARCHITECTURES} × "
                f"{step_times.SECONDS} + {graph:.0f} + {repro:.0f}",
            ),
            ("`cost`", ARCHITECTURES * SECONDS, f"{ARCHITECTURES} × {SECONDS:.0f}"),
            ("`analyze`", ARCHITECTURES * ANALYZE * SEEDS / 3, f"{ARCHITECTURES} × {ANALYZE} × {SEEDS} / 3"),
        )

    def _in_large(self, what: str) -> float:
        return self.scale[ARCHITECTURES][f"{what}, s"]


def _listed(values: Iterable[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)


if __name__ == "__main__":
    large = Large.read(Path())
    print(*large.measured(), "", *large.calculated(), "", large.in_all(), large.of_larger_networks(), sep="\n")
