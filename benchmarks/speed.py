"""How fast training is: prints two tables and writes results.json.

``python -m benchmarks.speed`` needs data/prepared, and runs/tune for the rates of the runs that go for an
accuracy. What is compared runs in one process, in turns, and each figure is the median over the rounds: on a
shared machine only such ratios mean something.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import stages  # noqa: F401  (puts src/ on the path)
from benchmarks.plain_loop import Pictures, images_per_second
from cnn_study.complexity import forward_flops
from cnn_study.environment import Environment, set_up
from cnn_study.files import read_json
from cnn_study.gradients import GradientLog
from cnn_study.networks import Network, initialize, place
from cnn_study.params import Params, validate
from cnn_study.schema import read_yaml
from cnn_study.splits import Split, load_split
from cnn_study.training import (
    GRADIENT_SAMPLES,
    Batches,
    accuracy_of,
    make_optimizer,
    predict,
    set_rate,
    train,
    train_step,
)

PREPARED = Path("data/prepared")
RESULTS = Path("benchmarks/results.json")
ROUNDS = 3
IMAGES = 12_800  # in a measured epoch
REPORT_EPOCHS = 15


@dataclass(frozen=True)
class Goal:
    """What is asked of one architecture, and the report's setting of it."""

    batch_size: int  # the report's
    times_plain: float | None = None  # at least: images/s over the plain loop's
    share_of_matmul: float | None = None  # at least: training FLOP/s over those of a bf16 product
    accuracy: float | None = None  # the report's test accuracy, to be reached in a tenth of its 15 epochs
    epochs: tuple[int, ...] = ()  # lengths of a run to try for it, shortest first


GOALS = {
    "kernel_3x3": Goal(64, 3.5, 0.50, 0.7347, (3, 4, 5)),
    "kernel_5x5": Goal(64, 2.75, 0.75),
    "kernel_7x7": Goal(64, 2.5, 0.90),
    "depth_4": Goal(128, accuracy=0.7679, epochs=(4, 5, 6, 7)),
    "depth_6": Goal(128, accuracy=0.7840, epochs=(4, 5, 6, 7)),
    "residual": Goal(128, 2.5, 0.70, 0.8106, (4, 5, 6, 7)),
}


@dataclass(frozen=True)
class Figure:
    """A measured figure, its bound, and the figures that it comes from. ``value``: None if it was not reached."""

    what: str
    value: float | None
    at_least: float | None
    at_most: float | None
    detail: str

    @property
    def met(self) -> bool:
        """Whether the figure is within its bounds."""
        value = math.nan if self.value is None else self.value
        return value >= (self.at_least or 0) and value <= (self.at_most or math.inf)

    def line(self) -> str:
        """For people."""
        value = "not reached" if self.value is None else f"{self.value:.2f}"
        bound = f"≥ {self.at_least:g}" if self.at_least else f"≤ {self.at_most:g}"
        return f"{self.what:58} {value:>11}  {bound:7} {'' if self.met else 'NOT MET':8} {self.detail}"


class Bench:
    """The study's parameters and data, and a way to measure each thing once."""

    def __init__(self) -> None:
        self.params: Params = validate(read_yaml())
        self.environment: Environment = set_up()
        self.split = load_split(PREPARED / "train")
        self.pictures = Pictures(self.split)
        self.training = part(self.split, IMAGES)
        ninth = IMAGES // 9  # as many validation images to a training image as in the study
        self.validation = Batches(self.training.images[:ninth], self.training.labels[:ninth])

    def plain(self, name: str) -> float:
        """Images per second of the loop that people write."""
        return images_per_second(self.params.architectures[name], self.pictures, GOALS[name].batch_size)

    def epoch(self, name: str, training: Batches) -> tuple[float, float]:
        """Images per second of the second epoch of the study's loop, and its evaluation over its training time."""
        recipe = self.params.recipes[name].model_copy(update={"epochs": 2})
        architecture = self.params.architectures[name]
        _, run = train(architecture, training, self.validation, recipe, 0.01, 0, self.environment)
        epoch = run.clock[1]
        return epoch["images"] / epoch["train_seconds"], epoch["evaluation_seconds"] / epoch["train_seconds"]

    def steps(self, name: str, observed: bool = False) -> float:
        """Images per second of bare training steps on one and the same batch, or with gradients observed."""
        recipe = self.params.recipes[name]
        torch.manual_seed(0)
        network = Network(self.params.architectures[name])
        initialize(network, recipe.initialization)
        place(network, self.environment.device).train()
        optimizer = make_optimizer(network, recipe, self.environment)
        set_rate(optimizer, 0.001)
        images, labels = (
            tensor[: recipe.batch_size].clone() for tensor in (self.training.images, self.training.labels)
        )
        count = len(self.training) // recipe.batch_size
        if observed:
            # As often as in an epoch of the study, which is longer than one here.
            GradientLog(network, optimizer, every=len(self.split) // recipe.batch_size // GRADIENT_SAMPLES)
        for _ in range(3):
            train_step(network, optimizer, images, labels, recipe.label_smoothing, self.environment)
        started = time.perf_counter()
        for _ in range(count):
            train_step(network, optimizer, images, labels, recipe.label_smoothing, self.environment)
        return recipe.batch_size * count / (time.perf_counter() - started)

    def speeds(self, name: str) -> list[Figure]:
        """An architecture's speed against the plain loop's, the machine's and that of bare steps."""
        rounds = [
            (
                self.plain(name),
                *self.epoch(name, self.training),
                self.steps(name),
                self.steps(name, observed=True),
                matmul_flops(),
            )
            for _ in range(ROUNDS)
        ]
        plain, epoch, evaluation, steps, observed, matmul = np.array(rounds).T
        flops = 3 * forward_flops(Network(self.params.architectures[name])) * steps
        goal = GOALS[name]

        def figure(
            what: str, values: object, at_least: float | None, at_most: float | None, detail: str
        ) -> Figure:
            return Figure(f"{name}: {what}", float(np.median(np.asarray(values))), at_least, at_most, detail)

        return [
            figure("images/s of an epoch over the plain loop's", epoch / plain, goal.times_plain, None,
                   f"{np.median(epoch):.0f} over {np.median(plain):.0f}"),
            figure("training FLOP/s over the bf16 matmul's", flops / matmul, goal.share_of_matmul, None,
                   f"{np.median(flops) / 1e9:.0f} over {np.median(matmul) / 1e9:.0f} GFLOP/s"),
            figure("time of an epoch over bare steps'", steps / epoch, None, 1.08,
                   f"steps alone: {np.median(steps):.0f} images/s"),
            figure("evaluation over training time", evaluation, None, 0.05, ""),
            figure("time of steps with gradients observed over bare steps'", steps / observed, None, 1.02, ""),
        ]  # fmt: skip

    def time_to_accuracy(self, name: str, goal: Goal) -> Figure:
        """Training time to the report's test accuracy over that of its 15 epochs in the plain loop.

        Of each length of run that is tried, shortest first, the test accuracy is looked at once, at its end.
        """
        plain = REPORT_EPOCHS * len(self.split) / self.plain(name)
        training = Batches.of(self.split, self.environment.device)
        validation = Batches.of(load_split(PREPARED / "validation"), self.environment.device)
        test = Batches.of(load_split(PREPARED / "test"), self.environment.device)
        rate = read_json(Path("runs/tune") / f"{name}.json")["learning_rate"]
        tried = []
        for epochs in goal.epochs:
            recipe = self.params.recipes[name].model_copy(update={"epochs": epochs})
            network, run = train(
                self.params.architectures[name], training, validation, recipe, rate, 0, self.environment
            )
            seconds = sum(epoch["train_seconds"] + epoch["evaluation_seconds"] for epoch in run.clock)
            accuracy = accuracy_of(predict(network, test.images, self.environment), test.labels)
            tried.append(f"{epochs} epochs, {seconds:.0f} s: {accuracy:.2%}")
            if accuracy >= (goal.accuracy or 0):
                break
        else:
            seconds = math.nan
        return Figure(
            f"{name}: time to {goal.accuracy:.2%} over 15 plain epochs'",
            None if math.isnan(seconds) else seconds / plain,
            None,
            0.1,
            f"{'; '.join(tried)}; plain {plain:.0f} s",
        )

    def scaling(self) -> list[dict[str, float]]:
        """How long an epoch of the 3x3 network takes by number of images, then by number of threads."""
        parts = [self.split, load_split(PREPARED / "validation")]
        images, labels = (
            np.concatenate([getattr(part, field) for part in parts]) for field in ("images", "labels")
        )
        whole = Split(images, labels, self.split.classes)
        rows = []
        cases = [(count, self.environment.threads) for count in (1_000, 3_000, 10_000, 30_000, len(whole))]
        cases += [(10_000, threads) for threads in range(1, self.environment.threads + 1)]
        for count, threads in cases:
            torch.set_num_threads(threads)
            training = part(whole, count)
            rates = [self.epoch("kernel_3x3", training)[0] for _ in range(ROUNDS)]
            rows.append({"images": count, "threads": threads, "epoch_seconds": count / float(np.median(rates))})
        torch.set_num_threads(self.environment.threads)
        return rows


def part(split: Split, count: int) -> Batches:
    """The first images of a split."""
    return Batches(torch.from_numpy(split.images[:count]), torch.from_numpy(split.labels[:count]))


def matmul_flops() -> float:
    """Operations per second of a bf16 product of two 2048x2048 matrices."""
    left, right = (torch.randn(2048, 2048).bfloat16() for _ in range(2))
    left @ right
    return 2 * 2048**3 * 10 / seconds_of(lambda: [left @ right for _ in range(10)])


def seconds_of(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def peak_memory(name: str) -> Figure:
    """Peak resident memory of one epoch of a training stage, in a process of its own."""
    code = (
        "import resource, stages\n"
        "from stages._inputs import read_inputs\n"
        "from cnn_study.training import Batches, train\n"
        f"i = read_inputs({name!r})\n"
        "b = [Batches.of(split, i.environment.device) for split in (i.training, i.validation)]\n"
        "train(i.architecture, *b, i.recipe.model_copy(update={'epochs': 1}), 0.01, 0, i.environment)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    kibibytes = int(done.stdout) if sys.platform != "darwin" else int(done.stdout) / 1024
    return Figure(f"{name}: peak memory of a training stage, GiB", kibibytes / 2**20, None, 2, "")


def idle_repro() -> Figure:
    """``dvc repro`` with nothing to do. Refuses to measure where there is something."""
    command = [sys.executable, "-m", "dvc"]
    if "up to date" not in subprocess.run([*command, "status"], capture_output=True, text=True, check=True).stdout:
        return Figure("dvc repro with nothing to do, s", None, None, 3, "not measured: there is something to do")
    times = [
        seconds_of(lambda: subprocess.run([*command, "repro"], capture_output=True, check=True))
        for _ in range(ROUNDS)
    ]
    return Figure("dvc repro with nothing to do, s", float(np.median(times)), None, 3, "")


def main() -> None:
    figures: list[Figure] = []

    def show(*measured: Figure) -> None:
        figures.extend(measured)
        for figure in measured:
            print(figure.line(), flush=True)

    bench = Bench()
    for name, goal in GOALS.items():
        if goal.times_plain:
            show(*bench.speeds(name))
    for name, goal in GOALS.items():
        if goal.accuracy:
            show(bench.time_to_accuracy(name, goal))
    show(peak_memory("kernel_7x7"), peak_memory("residual"), idle_repro())
    print(f"\n{'images':>8} {'threads':>8} {'epoch of kernel_3x3, s':>24} {'images/s':>10}")
    scaling = bench.scaling()
    for row in scaling:
        speed = row["images"] / row["epoch_seconds"]
        print(f"{row['images']:8} {row['threads']:8} {row['epoch_seconds']:24.2f} {speed:10.0f}")
    results = {
        "environment": bench.environment.as_dict(),
        "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
        "scaling": scaling,
    }
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
