"""The one figure: accuracy against the cost of training, all networks through their budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import ceil, floor, log, log10

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.statistics import clipped
from cnn_study.params.study import Study
from cnn_study.report.kit.charts import LOG, PICK, TEXT, Spec, inline, quantity, single, tip
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.kit.wording import counted_points, duration, first_name, listed, mean_of, percent, quoted

DATA = "plots/timing/frontier.csv"
TIMES = (10, 60, 180, 600, 1800, 3600, 10800, 36000)  # seconds that a reader may have
TICKS = (0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 108000, 360000)
IN_WORDS = (
    "datum.value >= 3600 ? datum.value / 3600 + ' h' : datum.value >= 60 ? datum.value / 60 + ' min' : "
    "datum.value + ' s'"
)
LABEL_WIDTH, LABEL_HEIGHT = 0.25, 0.06  # of a name in the figure, as shares of its sides


@dataclass(frozen=True)
class Point:
    """A network at one ``budget``: the ``seconds`` of its steps, mean ``accuracy`` and its interval, 0 to 1.

    ``name``: that the first study which has it shows.
    """

    architecture: str
    name: str
    budget: int
    seconds: float
    accuracy: float
    low: float | None
    high: float | None
    parameters: int

    @property
    def percent(self) -> str:
        """The accuracy in words."""
        return percent(self.accuracy)


@dataclass(frozen=True)
class Frontier:
    """All points, in the order of params.yaml and of budgets.

    ``baseline``: of the first study. ``margin`` in points; ``machine``: where steps were measured.
    """

    points: tuple[Point, ...]
    baseline: str
    margin: float
    machine: str
    order: tuple[str, ...]
    data: str = DATA

    @classmethod
    def of(cls, evidence: Evidence) -> "Frontier":
        """Of networks that trained and whose steps were measured."""
        params = evidence.params
        studies: Mapping[str, Study] = params.studies
        points = []
        for name, summary in evidence.summaries.items():
            step = evidence.timings[name].step
            for budget, found in summary.by_budget.items():
                if step is None or budget not in step.runs or found.status != "trained":
                    continue
                low, high = clipped(found.test_accuracy.ci95, 0, 1) or (None, None)
                points.append(
                    Point(
                        name,
                        first_name(name, studies, params.unnamed),
                        int(budget),
                        step.runs[budget].seconds,
                        mean_of(found.test_accuracy),
                        low,
                        high,
                        summary.parameters,
                    )
                )
        baseline = next(iter(studies.values())).baseline
        return cls(
            tuple(points),
            baseline,
            params.analysis.margin,
            evidence.costs.machine(*evidence.results),
            tuple(params.architectures),
        )

    @cached_property
    def front(self) -> list[Point]:
        """Those with a higher mean than all that cost no more, cheapest first."""
        order = sorted(self.points, key=lambda point: (point.seconds, -point.accuracy))
        found: list[Point] = []
        for point in order:
            if not found or point.accuracy > found[-1].accuracy:
                found.append(point)
        return found

    @cached_property
    def chosen(self) -> list[str]:
        """The names of the networks that are the most accurate in one of the times of ``by_time``."""
        return list(dict.fromkeys(point.name for _, point in self.by_time()))

    @cached_property
    def labelled(self) -> list[Point]:
        """The last point on the front of each network that is chosen, without labels that would cover another."""
        last = {point.name: point for point in self.front if point.name in self.chosen}
        width = log(max(point.seconds for point in self.points) / min(point.seconds for point in self.points)) or 1
        accuracies = [point.accuracy for point in self.points]
        height = max(accuracies) - min(accuracies) or 1
        kept: list[Point] = []
        for point in sorted(last.values(), key=lambda point: -point.seconds):
            if all(
                log(other.seconds / point.seconds) > LABEL_WIDTH * width
                or other.accuracy - point.accuracy > LABEL_HEIGHT * height
                for other in kept
            ):
                kept.append(point)
        return kept

    def by_time(self) -> list[tuple[str, Point]]:
        """For each of TIMES that tells something new, the last point of the front within it; then the last of all.

        Each with its time in words: of the last, what it takes itself, rounded up.
        """
        chosen: list[tuple[str, Point]] = []
        for limit in TIMES:
            within = [point for point in self.front[:-1] if point.seconds <= limit]
            if within and limit < self.front[-1].seconds and (not chosen or chosen[-1][1] is not within[-1]):
                chosen.append((duration(limit), within[-1]))
        return [*chosen, *((duration(rounded_up(point.seconds)), point) for point in self.front[-1:])]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each point; ``front``: whether it is on the front."""
        columns = [*Point.__annotations__, "front"]
        return pd.DataFrame(
            [vars(point) | {"front": point in self.front} for point in self.points], columns=columns
        )

    @property
    def _band(self) -> str:
        names = [point.name for point in self.points if point.architecture == self.baseline]
        return f"Band: {quoted(names[0])} ± {counted_points(self.margin)}. " if names else ""

    @property
    def figure(self) -> Figure | None:
        """None where no step was measured, or nothing trained."""
        if not self.points:
            return None
        first, last = self.front[0], self.front[-1]
        chosen = listed([quoted(name) for name in self.chosen])
        times = groupby(self.by_time(), lambda timed: timed[1].name)
        best = [f"{quoted(name)} in {next(of_name)[0]}" for name, of_name in times]
        title = f"Highest mean accuracy: {listed(best)}"
        return Figure(
            "accuracy_against_cost",
            title,
            "Each line is a network through its training budgets, means over seeds; bold: the highest mean in "
            f"{listed([time for time, _ in self.by_time()])}. {self._band}Time: of a training step, times steps.",
            source(DATA, "cost and analyze"),
            spec=frontier_chart(self),
            hint="Click a name in the legend to see it alone, double-click for all.",
            alt=(
                f"Lines of test accuracy against seconds of training. Highest mean in some time: {chosen}. "
                f"The cheapest reaches {first.percent} in {duration(first.seconds)}, the most accurate "
                f"{last.percent} in {duration(last.seconds)}."
            ),
        )


def rounded_up(seconds: float) -> float:
    """The next duration that has two digits in the unit that people use for it."""
    unit = 3600 if seconds >= 3600 else 60 if seconds >= 60 else 1
    digit = unit * 10.0 ** (floor(log10(seconds / unit)) - 1)
    return ceil(round(seconds / digit, 6)) * digit


def frontier_chart(frontier: Frontier) -> Spec:
    """Accuracy against seconds on a logarithmic axis, a line for each network, the chosen ones named."""
    rows = frontier.table
    styles = styles_of(frontier.order)
    names = {point.architecture: point.name for point in frontier.points}
    members = Members("all", "All networks", names, styles)
    rows = members.rows(rows.drop(columns="name"))
    rows = rows.assign(chosen=rows["name"].isin(frontier.chosen))
    margin = frontier.margin / 100
    baseline = rows[rows["architecture"] == frontier.baseline]
    low, high = ((baseline["accuracy"] + side).clip(0, 1) for side in (-margin, margin))
    around = baseline.assign(low=low, high=high)
    best = pd.DataFrame([vars(point) for point in frontier.labelled])
    encodings = members.by_name(rows, "color", "shape", "strokeDash")
    bold = {"condition": {"test": "datum.chosen", "value": 2.6}, "value": 1}
    x = quantity(
        "seconds",
        "time of training (log scale)",
        scale=LOG | {"padding": 20},
        axis={"values": list(TICKS), "labelExpr": IN_WORDS},
    )
    y = quantity("accuracy", "test accuracy", scale={"zero": False, "padding": 10}, axis={"format": ".0%"})
    faint = {
        "opacity": {
            "condition": [
                {"test": f"!length(data('{PICK['name']}_store')) && datum.chosen", "value": 1},
                {"test": f"!length(data('{PICK['name']}_store'))", "value": 0.45},
                {"param": PICK["name"], "value": 1},
            ],
            "value": 0.06,
        }
    }
    tips = [
        tip("name", "network"),
        tip("budget", "epochs"),
        tip("accuracy", "test accuracy", ".2%"),
        tip("low", "95 % CI, low", ".2%"),
        tip("high", "95 % CI, high", ".2%"),
        tip("seconds", "seconds of training", ".3~r"),
        tip("parameters", None, ","),
    ]
    return single(
        "Test accuracy against the cost of training",
        rows[["name", "budget", "seconds", "accuracy", "low", "high", "parameters", "chosen"]],
        height=430,
        layer=[
            {
                "data": inline(around[["seconds", "low", "high"]]),
                "mark": {"type": "area", "opacity": 0.16, "color": TEXT},
                "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {
                "params": [PICK],
                "mark": "line",
                "encoding": {"x": x, "y": y, "color": encodings["color"], "strokeDash": encodings["strokeDash"]}
                | {"order": {"field": "budget"}, "strokeWidth": bold}
                | faint,
            },
            {
                "mark": {"type": "point", "filled": True, "size": 55},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": encodings["color"],
                    "shape": encodings["shape"],
                    "tooltip": tips,
                }
                | faint,
            },
            {
                "data": inline(best[["name", "seconds", "accuracy"]]),
                "mark": {"type": "text", "align": "right", "dx": -9, "dy": -9, "fontWeight": "bold"},
                "encoding": {"x": x, "y": y, "text": {"field": "name"}},
            },
        ],
    )
