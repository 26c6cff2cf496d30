"""Made-up results, a made-up study of four networks, and how sentences about it are checked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, stats

from cnn_study.analysis.best import Best
from cnn_study.analysis.compared import AccuracyDifference, Comparison, StudyComparison
from cnn_study.analysis.costs import Costs
from cnn_study.analysis.results import Result, worst
from cnn_study.analysis.statistics import Estimate
from cnn_study.analysis.summaries import BudgetSummary, FieldSides, Summary, Timing
from cnn_study.analysis.verdicts import Judged, Verdict, opposite
from cnn_study.base.environment import Environment
from cnn_study.cost.records import Measured, Session, StepCosts
from cnn_study.evaluation.effective_field import Field, LayerSpread, Spreads
from cnn_study.evaluation.evaluate import run_to_look_into
from cnn_study.evaluation.predictions import Calibrated, Predictions
from cnn_study.evaluation.results import Activations, Evaluated, Evaluation, Inside, LookedInto
from cnn_study.params.study import Study
from cnn_study.profiling.records import Kind, LayerCost, Profile, Speed
from cnn_study.report.kit import wording
from cnn_study.report.kit.findings import Finding
from cnn_study.sources.prepared import Prepared
from cnn_study.training.finished import FinishedRun, Key, Trained
from cnn_study.training.records import Clocks, Epoch, EpochClock, LayerNorms, Run, ShortRun, Status, Tuning
from cnn_study.training.search import rounded
from cnn_study.training.tuning import peak

Right = npt.NDArray[np.bool_]

CLASSES = tuple(f"class {digit}" for digit in range(10))
ENVIRONMENT = Environment("cpu", "fp32", 2, "a processor", "3.12.3", "2.14.1")
BUDGETS = (1, 2)
BUDGET = BUDGETS[-1]  # that of headlines
LAYERS: Mapping[str, Kind] = {"conv1": "conv", "conv2": "conv", "output": "dense"}
COLLAPSED: Status = "collapsed"
ACCURACIES: Mapping[Status, float | None] = {"trained": 0.5, "collapsed": 0.1, "diverged": None}
EVERYWHERE = np.full((32, 32), 1 / 1024)


def labels_of(images: int) -> npt.NDArray[np.int64]:
    return np.arange(images) % 10


def prepared_of(test_images: int) -> Prepared:
    """What stage prepare says of images of ten classes without duplicates."""
    return Prepared(
        train=(450,) * 10,
        validation=(50,) * 10,
        test=(test_images // 10,) * 10,
        of_test=0,
        tested=0,
        of_validation=0,
        dropped=False,
        pairs=(),
    )


def right_ones(counts: Sequence[int], images: int) -> Right:
    """So many images right, from the first on, for each run."""
    return np.arange(images) < np.array(counts)[:, None]


def result(
    name: str,
    right: Right,
    status: Status | Sequence[Status] = "trained",
    seeds: Sequence[int] = (),
    seconds: float | Sequence[float] = 100.0,
    flops: int = 1000,
    parameters: int = 10,
) -> Result:
    """An architecture whose runs to ``BUDGET`` have the test images right that ``right`` says, (runs, images).

    ``status`` and ``seconds``, which a run trains for: of all these runs or of each. ``seeds``: 0, 1 and so on
    unless given. To a smaller budget each seed has collapsed, and has the other images right: nothing but what is
    about budgets says so.
    """
    seeds = seeds or range(len(right))
    statuses = [status] * len(right) if isinstance(status, str) else status
    times = [seconds] * len(right) if isinstance(seconds, float | int) else seconds
    runs, rights = list[FinishedRun](), dict[Key, npt.NDArray[np.bool_]]()
    for seed, one, row, of_run in zip(seeds, statuses, right, times, strict=True):
        for budget in BUDGETS:
            largest = budget == BUDGET
            run = finished_run(seed, budget, one if largest else "collapsed", of_run * budget / BUDGET)
            runs.append(run)
            rights[run.key] = row if largest else ~row
    return Result(
        name=name,
        tuning=search({0.1: 0.3, 0.2: 0.4, 0.4: 0.3}),
        trained=Trained(tuple(runs)),
        profile=Profile(
            parameters=parameters,
            conv_parameters=5,
            forward_flops=flops,
            activation_bytes=8,
            receptive_field=10,
            layers=(),
            weighted_layers=weighted_layers(**LAYERS),
        ),
        evaluation=evaluation_of(runs, rights),
        tune_clocks=Clocks(runs=()),
        speed=Speed(inference_images_per_second=1000.0, inference_batch=100, environment=ENVIRONMENT),
    )


def finished_run(seed: int, budget: int, status: Status = "trained", seconds: float = 100.0) -> FinishedRun:
    """A run of train whose epochs were all alike, or which diverged in its first; norms rise with the budget."""
    epochs = tuple(
        Epoch(
            epoch=epoch, loss=1.0, train_accuracy=0.5, validation_loss=0.9, validation_accuracy=ACCURACIES[status]
        )
        for epoch in range(1, budget + 1)
    )
    norms = tuple(
        LayerNorms(epoch=one.epoch, layer=layer, gradient_norm=float(depth * budget), weight_norm=2.0)
        for one in epochs
        for depth, layer in enumerate(LAYERS, start=1)
    )
    if status == "diverged":
        epochs, norms = (Epoch(epoch=1),), ()
    clock = EpochClock(train_seconds=seconds / len(epochs), evaluation_seconds=0.5, images=500)
    return FinishedRun(
        seed=seed,
        budget=budget,
        learning_rate=0.2,
        fingerprint=f"{seed}-{budget}",
        environment=ENVIRONMENT,
        version="0.1.0",
        run=Run(status=status, epochs=epochs, gradients=norms, clock=(clock,) * len(epochs)),
    )


def weighted_layers(**kinds: Kind) -> tuple[LayerCost, ...]:
    """Layers of these kinds, of which nothing else matters."""
    return tuple(
        LayerCost(layer=layer, kind=kind, output_shape=(1,), parameters=1, forward_flops=1)
        for layer, kind in kinds.items()
    )


def search(accuracies: Mapping[float, float | None]) -> Tuning:
    """A search that found these by learning rate; an accuracy of 0.1 is a collapse, None a divergence."""
    runs = tuple(short_run(rate, 1000, accuracy) for rate, accuracy in accuracies.items())
    return Tuning(
        learning_rate=rounded(peak(runs)),
        cut_off=False,
        validation_images=5000,
        runs=runs,
        environment=ENVIRONMENT,
    )


def short_run(rate: float, seed: int, accuracy: float | None) -> ShortRun:
    """A run of tune or replay; an accuracy of 0.1 is a collapse, None a divergence."""
    status: Status = "diverged" if accuracy is None else "collapsed" if accuracy == 0.1 else "trained"
    return ShortRun(learning_rate=rate, seed=seed, status=status, validation_accuracy=accuracy)


def evaluation_of(runs: Sequence[FinishedRun], right: Mapping[Key, npt.NDArray[np.bool_]]) -> Evaluation:
    """Of runs that have ``right`` by seed and budget; surer, with 0.9, of what is right than with 0.6.

    With one layer of four channels, the first of them dead.
    """
    looked_into = run_to_look_into(runs)
    maps = np.ones((4, 32, 32), np.float32)
    maps[0] = 0
    seen = Activations(np.zeros((3, 32, 32), np.uint8), {"conv1": maps})

    def field(run: FinishedRun | LookedInto) -> Field:
        trained = None if run.status == "diverged" else EVERYWHERE
        return Field("conv1", 32, 10, 15.5, (11, 20), (0, 31), EVERYWHERE, trained)

    return Evaluation(
        runs={
            run.key: Evaluated(
                None if run.status == "diverged" else predictions_of(right[run.key]), run.fingerprint, ENVIRONMENT
            )
            for run in runs
        },
        spreads={
            run.key: Spreads(
                seed=run.seed,
                budget=run.budget,
                layers=(LayerSpread.of(field(run)),),
                environment=ENVIRONMENT,
                known_by=run.fingerprint,
            )
            for run in runs
            if run.budget == max(one.budget for one in runs)
        },
        inside=Inside(
            looked_into=looked_into,
            images=200,
            fields=(field(looked_into),),
            filters_of="conv1",
            filters=np.ones((4, 3, 3, 3), np.float32),
            dead={"conv1": np.arange(4) == 0},
            activations={0: seen, 1: seen},
            environment=ENVIRONMENT,
            known_by=f"{looked_into.seed}-{looked_into.budget}",
        ),
    )


def predictions_of(right: npt.NDArray[np.bool_]) -> Predictions:
    """A class too high where it is not right; surer after a temperature."""
    calibrated = Calibrated(0.8, np.where(right, 0.95, 0.65))
    return Predictions((labels_of(len(right)) + ~right) % 10, np.where(right, 0.9, 0.6), calibrated)


# No architecture of the project: whatever a user calls his own gets sentences as well.
STUDY = Study.model_validate(
    {
        "title": "Width",
        "question": "which",
        "baseline": "thin",
        "members": {"thin": "narrow one", "wide": "wide, twice", "odd": "odd one"},
        "controls": [{"of": "wide", "against": "wide_matched", "question": "the width"}],
    }
)
STUDIES = {"width": STUDY}
STUDIED = ("thin", "wide", "odd", "wide_matched")
MACHINE = "a processor, 2 threads, fp32"  # of ENVIRONMENT, in words
NAMES = ("narrow one", "wide, twice", "odd one", "wide_matched", "the width", MACHINE)


def around(mean: float, half: float | None = 0.004) -> Estimate:
    """A mean with an interval that reaches ``half`` out."""
    return Estimate(mean=mean, ci95=None if half is None else (mean - half, mean + half), per_seed=(mean,))


def entry(
    accuracy: float,
    *statuses: Status,
    half: float | None = 0.004,
    theoretical: int = 10,
    effective: float | None = 8.0,
    flops: int = 3000,
    parameters: int = 10,
) -> Summary:
    """An architecture in metrics/summary.json; three runs that trained unless their ``statuses`` are given."""
    runs, of_test = statuses or ("trained",) * 3, around(accuracy, half)
    return Summary(
        status=worst(runs),
        test_accuracy=of_test,
        validation_accuracy=of_test,
        learning_rate=0.2,
        learning_rate_at_edge=False,
        parameters=parameters,
        conv_parameters=5,
        forward_flops=1000,
        training_flops=flops,
        activation_bytes=8,
        receptive_field=FieldSides(
            theoretical=theoretical,
            effective=effective,
            deviation_untrained=around(1.0, None),
            deviation_trained=around(1.0, None),
        ),
        budget=BUDGET,
        seeds=tuple(range(len(runs))),
        statuses=runs,
        by_budget={
            "1": BudgetSummary(
                status="collapsed",
                test_accuracy=around(0.1),
                validation_accuracy=around(0.1),
                statuses=tuple(COLLAPSED for _ in runs),
            ),
            "2": BudgetSummary(
                status=worst(runs), test_accuracy=of_test, validation_accuracy=of_test, statuses=runs
            ),
        },
    )


def timings_of(costs: Costs, images: int = 10_000) -> dict[str, Timing]:
    """metrics/timing.json, of runs that see so many images; by the clock all took as long."""
    return {
        name: Timing(
            train_seconds=around(99.0, 5.0),
            images_per_second=around(1.0, None),
            evaluation_seconds=around(1.0, None),
            tune_seconds=1.0,
            inference_images_per_second=1000.0,
            step=costs.step(name, {BUDGET: images}),
        )
        for name in STUDIED
    }


BLOCKS = 8


def steps_of(batch_sizes: Mapping[str, int] | None = None, /, **steps: tuple[float, float]) -> Costs:
    """Of one session: what a step takes, in seconds, and how far the interval of its logarithm reaches out.

    That of the ratio of two reaches out as far as the hypotenuse of both. The first is the reference. Batches are
    of 100 images, but for ``batch_sizes``.
    """
    batches = dict.fromkeys(steps, 100) | dict(batch_sizes or {})
    patterns = linalg.hadamard(BLOCKS)[1:]
    reach = stats.t.ppf(0.975, BLOCKS - 1) / np.sqrt(BLOCKS - 1)
    rows = {
        name: seconds * np.exp(half / reach * pattern)
        for (name, (seconds, half)), pattern in zip(steps.items(), patterns, strict=False)
    }
    session = Session(
        networks={name: measured_step(list(row), batch_size=batches[name]) for name, row in rows.items()}
    )
    return Costs(StepCosts(reference=next(iter(steps)), sessions=(session,)))


def measured_step(seconds: Sequence[float], known_by: str = "", batch_size: int = 100) -> Measured:
    """A network's steps, by block: half of each the backward pass, a tenth the optimizer, on two threads."""
    return Measured(
        known_by=known_by,
        environment=ENVIRONMENT,
        batch_size=batch_size,
        optimizer="muon",
        steps=3,
        forward_seconds=tuple(0.4 * one for one in seconds),
        backward_seconds=tuple(0.5 * one for one in seconds),
        optimizer_seconds=tuple(0.1 * one for one in seconds),
        processor_seconds=tuple(2.0 * one for one in seconds),
    )


SUMMARY = {
    "thin": entry(0.7011, flops=100, parameters=320),
    "wide": entry(0.7233, flops=2340),
    "odd": entry(0.6877),
    "wide_matched": entry(0.7044),
}
COSTS = steps_of(thin=(0.041, 0.03), wide=(0.00836, 0.04), odd=(0.06, 0.03), wide_matched=(0.007, 0.03))
TIMING = timings_of(COSTS)


def compared(
    of: str,
    against: str,
    points: float | None,
    verdict: Verdict | None = "not decided",
    *,
    interval: tuple[float, float] | None = (0.0, 0.0),
    seeds: tuple[int, int] = (3, 3),
    **more: Any,
) -> Comparison:
    """A comparison as given; ``interval``: 1.4 points to both sides unless given. No verdict without one."""
    if points is not None and interval == (0.0, 0.0):
        interval = (points - 1.4, points + 1.4)
    values: dict[str, Any] = {
        "largest": None if points is None else AccuracyDifference(BUDGET, seeds, points, interval, 0.02),
        "judged": judged(verdict) if verdict and points is not None and interval else None,
        "smaller": (),
        "changes": (),
        "classes": {"cat": 4.6, "dog": 0.2, "ship": -3.5},
    }
    return Comparison(of=of, against=against, **(values | more))


def both_ways(*pairs: Comparison) -> dict[tuple[str, str], Comparison]:
    """As a study has the comparisons of all studies."""
    return {(pair.of, pair.against): pair for one in pairs for pair in (turned(one), one)}


def turned(pair: Comparison) -> Comparison:
    """A comparison of ``compared``, the other way round."""
    points, verdict = None if pair.points is None else -pair.points, pair.verdict and opposite(pair.verdict)
    return compared(pair.against, pair.of, points, verdict)


def judged(verdict: Verdict, *, smaller_than_margin: bool = False, detectable: float = 0.017) -> Judged:
    """A verdict with made-up p-values."""
    return Judged(verdict, smaller_than_margin or verdict == "equivalent", 0.04, 0.03, 0.01, detectable)


WIDE = compared("wide", "thin", 2.2, "better")
ODD = compared("odd", "thin", -1.3)
CONTROL = compared("wide", "wide_matched", 1.9, "better")
BEST = Best(BUDGET, "wide", 0.02, {"wide": 0.93, "thin": 0.06, "odd": 0.01}, 2.2, (0.8, 3.6))
MARGIN = 1.0  # points
COMPARISON = StudyComparison(
    "width", BUDGET, ["wide", "thin", "odd"], {}, [WIDE, ODD], [CONTROL], BEST, ["wide", "thin"]
)


WAYS = (
    wording.points, wording.percent, wording.round_percent, wording.times, wording.hundredths, wording.duration,
    wording.pixels, wording.pixel_change,
)  # fmt: skip


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def numbers_without_source(text: str, numbers: Mapping[str, Any], names: tuple[str, ...]) -> set[str]:
    """The numbers in a text, names apart, that are no way of writing one of ``numbers``."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    text = text.replace("95 % CI", "")
    written = set(re.findall(r"[−+-]?\d+(?:\.\d+)?(?:e[-+]\d+)?", text))
    ways: set[str] = set()
    for number in numbers_in(numbers):
        forms = [way(number) for way in WAYS]
        forms += [f"{number:g}", f"{number:.1f}"]
        ways |= {re.sub("[ ×%s]", "", form) for form in forms}
    return written - ways


def assert_numbers_are_their_own(findings: Sequence[Finding]) -> None:
    """Every number in a sentence is one of its numbers, of which each has some."""
    assert findings
    for finding in findings:
        assert not numbers_without_source(finding.text, finding.numbers, NAMES), finding
        assert finding.numbers
        assert finding.text.endswith(".")
