"""How fast training is: prints two tables and writes results-KIND.json, for the kind of processor it runs on.

``python -m benchmarks.speed`` needs data/prepared, and results/tune for the rates of the runs that go for an
accuracy. It measures the CPU. Speeds that are compared are measured in one process, in turns, and each figure
is the median over the rounds: on a shared machine only such ratios mean something. With names of networks, it
measures the steps of these alone, and leaves the other figures of the file as they are.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

import stages  # noqa: F401  (puts src/ on the path)
from benchmarks.figures import GOALS, OPTIMIZER_SHARE, Figure, Goal, kind_of, matmul_flops, seconds_of
from benchmarks.plain_loop import WARM_UP, WORKERS, Pictures, images_per_second
from cnn_study.base.environment import Environment, set_up
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import Split, load_split
from cnn_study.networks.network import Network, initialize, place
from cnn_study.params.study import Params, validate
from cnn_study.profiling.complexity import forward_flops
from cnn_study.training.batches import Batches
from cnn_study.training.budgets import train_to
from cnn_study.training.checkpoint import Checkpoint, tensors_of
from cnn_study.training.evaluation import accuracy_of, predict
from cnn_study.training.gradients import GradientLog
from cnn_study.training.loop import GRADIENT_SAMPLES, RunSpec, train_step
from cnn_study.training.optimizers import make_optimizer, set_rate
from cnn_study.training.records import Tuning

PREPARED = Path("data/prepared")
RESULTS = "benchmarks/results-{}.json"
ROUNDS = 3
IMAGES = 12_800  # in a measured epoch
REPORT_EPOCHS = 15


class Bench:
    """The study's parameters and data, and a way to measure each thing once."""

    def __init__(self) -> None:
        self.params: Params = validate(read_yaml())
        recipe = self.params.training.recipe
        self.environment: Environment = set_up("cpu", recipe.precision, recipe.threads)
        self.split = load_split(PREPARED / "train")
        batch = max(goal.batch_size for goal in GOALS[kind_of(self.environment)].values())
        if len(self.split) < (needed := IMAGES + (WARM_UP + 1) * batch):
            sys.exit(f"{PREPARED}: found {len(self.split)} images for training, allowed: at least {needed}")
        self.pictures = Pictures(self.split)
        self.training = part(self.split, IMAGES)
        ninth = IMAGES // 9  # as many validation images to a training image as in the study
        self.validation = part(self.split, ninth)

        self.kind = kind_of(self.environment)
        self.goals = GOALS[self.kind]

    def plain(self, name: str) -> float:
        """Images per second of the loop that people write, with the number of workers that suits it best."""
        architecture, size = self.params.architectures[name], self.goals[name].batch_size
        return max(images_per_second(architecture, self.pictures, size, workers) for workers in WORKERS)

    def epoch(self, name: str, training: Batches) -> tuple[float, float]:
        """Images per second of the training part of the study's second epoch, and evaluation over its time."""
        recipe = self.params.trainings[name].recipe
        architecture = self.params.architectures[name]
        spec = RunSpec(architecture, training, self.validation, recipe, 0.01, 0, self.environment)
        ((_, _, run),) = train_to(spec, [2])
        epoch = run.clock[1]
        return epoch.images / epoch.train_seconds, epoch.evaluation_seconds / epoch.train_seconds

    def checkpoint_seconds(self, name: str) -> float:
        """How long it takes to write a checkpoint."""
        network, optimizer = self._network(name)
        labels = self.training.labels[:128]
        train_step(network, optimizer, self.training.images[:128], labels, 0.0, self.environment)
        with tempfile.TemporaryDirectory(dir=".") as folder:
            checkpoint = Checkpoint(Path(folder) / "run.safetensors", "benchmark")
            return seconds_of(lambda: checkpoint.write(tensors_of(network, optimizer), {}))

    def _network(self, name: str) -> tuple[Network, torch.optim.Optimizer]:
        recipe = self.params.trainings[name].recipe
        torch.manual_seed(0)
        network = Network(self.params.architectures[name], self.split.shape)
        initialize(network, recipe.initialization)
        place(network, self.environment).train()
        optimizer = make_optimizer(network, recipe, self.environment)
        set_rate(optimizer, 0.001)
        return network, optimizer

    def observing(self, name: str) -> float:
        """The time of an epoch's gradient measurements over that of its steps."""
        network, optimizer = self._network(name)
        recipe = self.params.trainings[name].recipe
        images, labels = self.training.images[: recipe.batch_size], self.training.labels[: recipe.batch_size]
        train_step(network, optimizer, images, labels, 0.0, self.environment)
        log = GradientLog(network, optimizer)
        log.due = True
        observations = 100
        seconds = seconds_of(log.observe, observations) / observations
        steps = len(self.split) // recipe.batch_size
        return seconds * GRADIENT_SAMPLES / (steps * recipe.batch_size / self.steps(name)[0])

    def steps(self, name: str) -> tuple[float, float]:
        """Images per second of bare training steps on one batch, and the optimizer's share of them."""
        network, optimizer = self._network(name)
        recipe = self.params.trainings[name].recipe
        images, labels = (
            tensor[: recipe.batch_size].clone() for tensor in (self.training.images, self.training.labels)
        )
        count = len(self.training) // recipe.batch_size

        def step() -> None:
            train_step(network, optimizer, images, labels, recipe.label_smoothing, self.environment)

        for _ in range(3):
            step()
        seconds = seconds_of(step, count)
        return recipe.batch_size * count / seconds, seconds_of(optimizer.step, count) / seconds

    def speeds(self, name: str) -> list[Figure]:
        """An architecture's speed against the plain loop's, the machine's and that of bare steps."""
        rounds = [
            (
                self.plain(name),
                *self.epoch(name, self.training),
                *self.steps(name),
                self.observing(name),
                self.checkpoint_seconds(name),
                matmul_flops(self.environment.precision),
            )
            for _ in range(ROUNDS)
        ]
        plain, epoch, evaluation, steps, optimizing, observing, writing, matmul = np.array(rounds).T
        network, _ = self._network(name)
        flops = 3 * forward_flops(network) * steps
        goal, precision = self.goals[name], self.environment.precision

        def figure(
            what: str, values: object, at_least: float | None, at_most: float | None, detail: str, limit: str
        ) -> Figure:
            value = float(np.median(np.asarray(values)))
            return Figure(f"{name}: {what}", value, at_least, at_most, detail, limit)

        return [
            figure("images/s of an epoch over the plain loop's", epoch / plain, goal.times_plain, None,
                   f"{np.median(epoch):.0f} over {np.median(plain):.0f}", "the steps, see the next figures"),
            figure(f"training FLOP/s over the {precision} matmul's", flops / matmul, goal.share_of_matmul, None,
                   f"{np.median(flops) / 1e9:.0f} over {np.median(matmul) / 1e9:.0f} GFLOP/s",
                   "gradients of convolutions, which are slower than the matmul; what is bound by memory (ReLU, "
                   "pools, normalisation); the optimizer"),
            figure("the optimizer's share of a step", optimizing, None, OPTIMIZER_SHARE, "",
                   "Muon's products, which grow with the square of a layer's channels"),
            figure("time of an epoch's training over bare steps'", steps / epoch, None, 1.08,
                   f"steps alone: {np.median(steps):.0f} images/s; apart from that, a checkpoint takes "
                   f"{np.median(writing):.2f} s an epoch", "the choice and augmentation of each batch's images"),
            figure("evaluation over training time", evaluation, None, 0.05, "",
                   "a forward pass through a ninth as many images"),
            figure("gradient measurements over training time", observing, None, 0.02,
                   f"{GRADIENT_SAMPLES} an epoch", "reading every weight and gradient once"),
        ]  # fmt: skip

    def time_to_accuracy(self, name: str, goal: Goal) -> Figure:
        """Training time to the original report's test accuracy over that of its 15 epochs in the plain loop.

        The mean of ``ROUNDS`` seeds has to reach it, in runs whose length was fixed beforehand.
        """
        training = Batches.of(self.split, self.environment.device)
        validation = Batches.of(load_split(PREPARED / "validation"), self.environment.device)
        test = Batches.of(load_split(PREPARED / "test"), self.environment.device)
        rate = Tuning.read(Path("results/tune") / f"{name}.json").learning_rate
        recipe = self.params.trainings[name].recipe
        architecture = self.params.architectures[name]
        plain, seconds, accuracies = [], [], []
        for seed in range(ROUNDS):
            plain.append(REPORT_EPOCHS * len(self.split) / self.plain(name))
            spec = RunSpec(architecture, training, validation, recipe, rate, seed, self.environment)
            ((_, network, run),) = train_to(spec, [goal.epochs])
            seconds.append(sum(epoch.train_seconds + epoch.evaluation_seconds for epoch in run.clock))
            accuracies.append(accuracy_of(predict(network, test.images, self.environment), test.labels))
        reached = float(np.mean(accuracies)) >= (goal.accuracy or 0)
        return Figure(
            f"{name}: time to {goal.accuracy:.2%} over 15 plain epochs'",
            float(np.median(np.array(seconds) / np.array(plain))) if reached else None,
            None,
            0.1,
            f"{goal.epochs} epochs, {np.median(seconds):.0f} s, {np.mean(accuracies):.2%} in the mean of {ROUNDS} "
            f"seeds; 15 plain epochs {np.median(plain):.0f} s",
            "whole epochs: the schedule needs to come to its end",
        )

    def scaling(self) -> list[dict[str, float]]:
        """How long an epoch of the 3x3 network takes by number of images, then by number of threads."""
        parts = [self.split, load_split(PREPARED / "validation")]
        images, labels = (
            np.concatenate([getattr(part, field) for part in parts]) for field in ("images", "labels")
        )
        whole = Split(images, labels, self.split.names)
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
    return Batches.of(Split(split.images[:count], split.labels[:count], split.names), "cpu")


def peak_memory(name: str) -> Figure:
    """Peak resident memory of one epoch of a training stage, in a process of its own."""
    code = (
        "import tempfile\n"
        "from pathlib import Path\n"
        "import stages.train\n"
        "from cnn_study.training.budgets import Checkpoints, train_to\n"
        "from cnn_study.training.loop import RunSpec\n"
        "from cnn_study.base.yaml import read_yaml\n"
        "from cnn_study.params.study import validate\n"
        "from stages._inputs import Inputs\n"
        f"params, name = validate(read_yaml()), {name!r}\n"
        "i = Inputs.of('train', name, params.architectures[name], params.trainings[name].recipe)\n"
        "with tempfile.TemporaryDirectory(dir='.') as folder:\n"
        "    spec = RunSpec(i.architecture, i.training(), i.validation, i.recipe, 0.01, 0, i.environment)\n"
        "    list(train_to(spec, [1], Checkpoints(Path(folder), 'benchmark')))\n"
        # Not ru_maxrss, which begins with the peak of the process that started this one.
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return Figure(
        f"{name}: peak memory of a training stage, GiB",
        int(done.stdout) / 2**20,
        None,
        2,
        "",
        "PyTorch itself, and a batch's activations",
    )


def idle_repro() -> Figure | None:
    """``dvc repro`` with nothing to do; None where there is something."""
    command = [sys.executable, "-m", "dvc"]
    if "up to date" not in subprocess.run([*command, "status"], capture_output=True, text=True, check=True).stdout:
        print("dvc repro with nothing to do: not measured, since the study is not up to date")
        return None
    times = [
        seconds_of(lambda: subprocess.run([*command, "repro"], capture_output=True, check=True))
        for _ in range(ROUNDS)
    ]
    limit = "params.yaml, which DVC reads once for each stage"
    return Figure("dvc repro with nothing to do, s", float(np.median(times)), None, 3, "", limit)


def main(names: Sequence[str]) -> None:
    bench = Bench()
    path = Path(RESULTS.format(bench.kind))
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"figures": []}
    if results.get("environment") != bench.environment.as_dict():
        if names and path.exists():
            sys.exit(f"{path} is of another environment: without names, all of it is measured anew")
        results = {"environment": bench.environment.as_dict(), "figures": []}
    if others := set(names) - set(bench.goals):
        sys.exit(f"found {', '.join(sorted(others))}, allowed: {', '.join(bench.goals)}")

    def keep(*measured: Figure | None) -> None:
        for figure in filter(None, measured):
            print(figure.line(), flush=True)
            others = [one for one in results["figures"] if one["what"] != figure.what]
            results["figures"] = [*others, asdict(figure) | {"met": figure.met}]
        path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    for name in names or bench.goals:
        keep(*bench.speeds(name))
    if names:
        return
    for name, goal in bench.goals.items():
        if goal.accuracy:
            keep(bench.time_to_accuracy(name, goal))
    keep(peak_memory("kernel_7x7"), peak_memory("residual"), idle_repro())
    print(f"\n{'images':>8} {'threads':>8} {'epoch of kernel_3x3, s':>24} {'images/s':>10}")
    results["scaling"] = bench.scaling()
    for row in results["scaling"]:
        speed = row["images"] / row["epoch_seconds"]
        print(f"{row['images']:8} {row['threads']:8} {row['epoch_seconds']:24.2f} {speed:10.0f}")
    keep()


if __name__ == "__main__":
    main(sys.argv[1:])
