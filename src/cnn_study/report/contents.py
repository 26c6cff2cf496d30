"""What stands in the report, and in which order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cnn_study.analysis.comparisons import Comparison, StudyComparison
from cnn_study.params.study import Params, Study
from cnn_study.report import charts
from cnn_study.report.charts import Shown
from cnn_study.report.claims import Claim
from cnn_study.report.findings import CONCLUSIONS, FIELDS, GRADIENTS, RATES, REPLAY, SUMMARY, TIMING, Finding
from cnn_study.report.kit.page import Figure, Page, Section, Sentence, Table
from cnn_study.report.kit.palette import looks_of
from cnn_study.report.kit.wording import (
    DATASETS,
    accuracy_within,
    capitalized,
    counted,
    percent,
    points_within,
    seconds_within,
    shown,
    times,
)
from cnn_study.report.observations import EXPLODING, VANISHING

ANSWERS = 5
CURVES = "plots/data/curves.csv"
COST = "plots/timing/cost.csv"
DIFFERENCES = "plots/data/differences.csv"
CLASSES = "plots/data/class_changes.csv"
BY_LAYER = "plots/data/gradient_norms_by_layer.csv"
FLOW = "plots/data/gradient_flow.csv"
CONFUSION = "plots/data/confusion.csv"
CALIBRATION = "plots/data/calibration.csv"
DEAD = "plots/data/dead_channels.csv"
VERDICTS = {True: "told apart", False: "not told apart"}


@dataclass(frozen=True)
class Measured:
    """All that the report tells of.

    ``summary`` and ``timing``: the objects of metrics/summary.json and timing.json by architecture. ``tables``:
    those of plots/data and plots/timing by the name of their file. ``comparable``: whether all runs had the same
    environment. ``replayed_images``: the training images of a replayed run.
    """

    params: Params
    summary: Mapping[str, Any]
    timing: Mapping[str, Any]
    compared: Mapping[str, StudyComparison]
    findings: Sequence[Finding]
    claims: Sequence[Claim]
    tables: Mapping[str, pd.DataFrame]
    test_images: int
    comparable: bool
    replayed_images: int

    def name(self, architecture: str) -> str:
        """As the report shows it, with its status where it has not trained."""
        status = self.summary[architecture]["status"]
        return shown(architecture, self.params.studies) + ("" if status == "trained" else f" ({status})")

    def about(self, key: str) -> tuple[Sentence, ...]:
        """The sentences about one thing, in their order."""
        return tuple(told(finding) for finding in self.findings if finding.about == key)


def page(measured: Measured) -> Page:
    """The whole report: the answer, a section for each study, then what looks at all networks, then methods."""
    params = measured.params
    looks = looks_of(list(params.architectures))
    studies = {key: Shown(study.title, study.members, looks) for key, study in params.studies.items()}
    seeds = len(params.training.seeds)
    first, *others = [study.title for study in params.studies.values()]
    titles = " and ".join([first, *(title[:1].lower() + title[1:] for title in others)])
    return Page(
        title=f"{titles} of a small CNN",
        subtitle=(
            f"{len(params.architectures)} networks on {DATASETS[params.data.dataset]}, "
            f"{counted(seeds, 'seed')} each, "
            f"{counted(params.training.epochs, 'epoch')}, {measured.test_images:,} test images. "
            "Every number, figure and sentence comes from one dvc repro."
        ),
        answer=answer(measured),
        answer_figures=tuple(
            Figure(
                f"{one.study}: what the comparison with the baseline shows",
                "Difference in mean test accuracy, with 95 % intervals; hollow points are not told apart from the "
                "baseline once the number of comparisons is accounted for.",
                source(DIFFERENCES),
                charts.differences(kind(measured, "baseline"), one),
            )
            for one in list(studies.values())[:2]
            if has_rows(kind(measured, "baseline"), one)
        ),
        sections=(
            *(study_section(key, measured, one) for key, one in studies.items()),
            fields_section(measured, studies),
            gradients_section(measured, studies),
            inside_section(measured, studies),
            classes_section(measured, studies),
            rates_section(measured, studies),
            claims_section(measured),
        ),
        methods=methods(measured),
    )


def answer(measured: Measured) -> tuple[Sentence, ...]:
    """Who wins each study, then the controls: the told ones first, of these the largest differences first."""
    winners = [finding for finding in measured.findings if finding.rule.startswith(("winner", "no_winner"))]
    winners = [finding for finding in winners if finding.rule != "winner_cost"]
    controls = [finding for finding in measured.findings if finding.rule.startswith("control_")]

    def weight(finding: Finding) -> tuple[bool, float]:
        return not finding.numbers.get("told_apart"), -abs(finding.numbers.get("points") or 0.0)

    said = tuple(told(finding) for finding in [*winners, *sorted(controls, key=weight)][:ANSWERS])
    if measured.comparable:
        return said
    warning = "The runs had different environments, so that times and small differences are not to be compared."
    return (Sentence(warning, source("metrics/environment.json")), *said)


def told(finding: Finding) -> Sentence:
    """A finding as the report has it."""
    return Sentence(finding.text, source(finding.data))


def source(data: str, measured_in: str = "analyze") -> str:
    """The stage that has measured something, and the file in which analyze has put it."""
    return f"{measured_in}: {data}"


def kind(measured: Measured, which: str) -> pd.DataFrame:
    """The differences to baselines, or those of controls."""
    table = measured.tables["differences"]
    return table[(table["kind"] == which) & table["low"].notna()]


def has_rows(table: pd.DataFrame, shown: Shown) -> bool:
    """Whether a chart of the table would show anything; a study of networks that failed has none."""
    return len(shown.rows(table.rename(columns={"of": "architecture"}))) > 0


def study_section(key: str, measured: Measured, shown: Shown) -> Section:
    """One study: its question, its networks in a table, charts, conclusions."""
    study, compared = measured.params.studies[key], measured.compared[key]
    cost = measured.tables["cost"]
    trained = len(compared.ranking) > 0
    figures = [
        Figure(
            f"{shown.study}: validation accuracy by epoch",
            "Lines are means over seeds, bands reach from the lowest to the highest.",
            source(CURVES, "train"),
            charts.validation_curves(measured.tables["curves"], shown),
            hint="A click on a name shows it alone, a double click all again.",
        )
    ]
    if trained:
        figures += [
            Figure(
                f"{shown.study}: test accuracy against training time",
                "Small points are runs, large ones means; the line is the Pareto front of the means.",
                source(COST, "train and analyze"),
                charts.accuracy_against_time(cost, shown),
            ),
            Figure(
                f"{shown.study}: training time",
                "Bars are means over seeds, lines reach from the fastest to the slowest.",
                source(COST, "train"),
                charts.training_time(cost, shown),
            ),
        ]
    if has_rows(kind(measured, "control"), shown):
        figures.append(
            Figure(
                f"{shown.study}: controls",
                "Pairs that differ in one thing; intervals of 95 %, hollow points are not told apart.",
                source(DIFFERENCES),
                charts.differences(kind(measured, "control"), shown),
            )
        )
    if has_rows(measured.tables["class_changes"], shown):
        figures.append(
            Figure(
                f"{shown.study}: classes helped and hurt",
                f"Against the baseline {study.members.get(study.baseline, study.baseline)}, means over seeds; "
                "single classes are not tested.",
                source(CLASSES),
                charts.class_changes(measured.tables["class_changes"], shown),
            )
        )
    tables = [members_table(study, compared, measured)]
    if study.controls:
        tables.append(controls_table(study, compared))
    return Section(key, study.title, study.question, measured.about(key), tuple(tables), tuple(figures))


def members_table(study: Study, compared: StudyComparison, measured: Measured) -> Table:
    """Every member: accuracy, what it is against the baseline, cost."""
    by_name = {one.of: one for one in compared.against_baseline}
    rows = []
    for name, label in study.members.items():
        summary, timing = measured.summary[name], measured.timing[name]
        trained = name in compared.ranking
        time = timing["train_seconds"]
        rows.append(
            (
                label,
                accuracy_within(summary["test_accuracy"]) if trained else summary["status"],
                "baseline" if name == study.baseline else difference(by_name.get(name)),
                "–" if time["mean"] is None else seconds_within(time),
                f"{summary['parameters']:,}",
                f"{summary['conv_parameters']:,}",
                f"{summary['forward_flops'] / 1e6:.1f}",
                f"{summary['learning_rate']:g}" + (", at the edge" if summary["learning_rate_at_edge"] else ""),
            )
        )
    return Table(
        f"{study.title}: accuracy and cost",
        (
            "network", "test accuracy", "against the baseline", "training time", "parameters", "in convolutions",
            "MFLOPs", "learning rate",
        ),
        tuple(rows),
        source(f"{SUMMARY}, {CONCLUSIONS}, {TIMING}"),
        "Means over seeds with 95 % intervals; FLOPs of one forward pass of one image, multiply and add counted "
        "as two. An interval is of one comparison alone; “told apart” accounts for all comparisons of the study. "
        "A rate at the edge of the search may have a better one beyond.",
    )  # fmt: skip


def controls_table(study: Study, compared: StudyComparison) -> Table:
    """Every control: what it asks, the pair, the difference."""
    rows = []
    for control, one in zip(study.controls, compared.controls, strict=True):
        names = [study.members.get(name, name) for name in (control.of, control.against)]
        ratio = one.ratios["train_seconds"]
        rows.append((control.question, " − ".join(names), difference(one), "–" if ratio is None else times(ratio)))
    return Table(
        f"{study.title}: controls",
        ("what differs", "pair", "test accuracy", "training time"),
        tuple(rows),
        source(f"{CONCLUSIONS}, {TIMING}"),
    )


def difference(one: Comparison | None) -> str:
    """A comparison in a table's cell."""
    if one is None or one.points is None:
        return "–"
    verdict = "" if one.p_holm is None else f", {VERDICTS[one.told_apart]}"
    return points_within(one.points, one.interval) + verdict


def fields_section(measured: Measured, studies: Mapping[str, Shown]) -> Section:
    """Receptive fields, theoretical and effective."""
    wide = measured.tables["receptive_fields_by_layer"]
    kinds = {
        "theoretical": "theoretical",
        "effective_untrained": "effective, before training",
        "effective_trained": "effective, after training",
    }
    long = wide.melt(["architecture", "layer", "depth"], list(kinds), "kind", "pixels")
    long = long.assign(kind=long["kind"].map(kinds), pixels=long["pixels"].astype(float))
    figures = []
    for key, one in studies.items():
        figures += [
            Figure(
                f"{one.study}: receptive field by layer",
                "Side in pixels of what the central unit of each layer sees; effective: of the smallest "
                "square around it with 95 % of the gradient's mean size, counted inside the image.",
                source(FIELDS),
                charts.receptive_fields_by_layer(long, one),
            ),
            picture(f"{one.study}: what the central units see", f"receptive_fields/{key}.png",
                    "Darker pixels have more influence; squares are the theoretical (solid) and the effective "
                    "(dashed) field."),
        ]  # fmt: skip
    rows = tuple(
        (
            measured.name(str(name)),
            str(last["layer"]),
            str(last["theoretical"]),
            percent(last["theoretical_share"]),
            *(
                "–" if pd.isna(last[key]) else str(last[key])
                for key in ("effective_untrained", "effective_trained")
            ),
        )
        for name, last in ((name, layers.iloc[-1]) for name, layers in wide.groupby("architecture", sort=False))
    )
    table = Table(
        "Receptive field of the last feature map, in pixels",
        ("network", "layer", "theoretical", "share of the image", "effective before training", "after"),
        rows,
        source(FIELDS),
        "A theoretical field may reach beyond the image; share and effective fields count what lies in it.",
    )
    question = "How much of the image can a unit see, and how much of that does it heed?"
    sentences = measured.about("receptive_fields")
    return Section("receptive_fields", "Receptive fields", question, sentences, (table,), tuple(figures))


def gradients_section(measured: Measured, studies: Mapping[str, Shown]) -> Section:
    """Gradients through the layers and through training, which are two different figures."""
    tables = measured.tables
    norms, flow, by_layer = tables["gradient_norms"], tables["gradient_flow"], tables["gradient_norms_by_layer"]
    figures = []
    for one in studies.values():
        if not has_rows(norms, one):
            continue
        figures += [
            Figure(f"{one.study}: gradient norm against layer", "In the first, the middle and the last epoch.",
                   source(BY_LAYER, "train"), charts.gradient_by_layer(by_layer, one)),
            Figure(f"{one.study}: gradient norm against epoch", "A line for each layer; means over seeds.",
                   source(GRADIENTS, "train"), charts.gradient_by_epoch(norms, one)),
            Figure(f"{one.study}: gradient norm over weight norm, against epoch",
                   "A line for each layer: how large a gradient is for the weights that it changes.",
                   source(GRADIENTS, "train"), charts.gradient_to_weight(norms, one)),
            Figure(f"{one.study}: gradient norm by layer and epoch", "A panel for each network.",
                   source(GRADIENTS, "train"), charts.gradient_heat_map(norms, one)),
        ]  # fmt: skip
        if has_rows(flow, one):
            figures.append(
                Figure(
                    f"{one.study}: does the gradient vanish or explode?",
                    "The first convolution's gradient norm over the last one's, by epoch; dashed, the bounds of "
                    "the sentences below.",
                    source(FLOW),
                    charts.first_over_last(flow, one, VANISHING, EXPLODING),
                )
            )
    question = "Do gradients vanish or explode on their way to the first layer, and what keeps them?"
    return Section("gradients", "Gradients", question, measured.about("gradients"), (), tuple(figures))


def inside_section(measured: Measured, studies: Mapping[str, Shown]) -> Section:
    """Filters, activations and feature maps, of all networks for the same images."""
    figures = []
    for key, one in studies.items():
        figures.append(
            picture(
                f"{one.study}: filters and activations of the first layer",
                f"first_layers/{key}.png",
                "The first run of each architecture that trained; crossed out are dead channels, which none of "
                "the test images looked at makes positive.",
            )
        )
        figures += [
            picture(
                f"{one.study}: feature maps of test image {index}",
                f"side_by_side/{key}_image_{index}.png",
                "From the image to the last layer; brightness has a scale of its own in each cell, told above it.",
            )
            for index in measured.params.analysis.shown_images
        ]
    dead = measured.tables["dead_channels"]
    totals = dead.groupby("architecture", sort=False)[["dead", "channels"]].sum()
    table = Table(
        "Dead channels",
        ("network", "dead", "of channels", "in layers"),
        tuple(
            (
                measured.name(str(name)),
                str(row["dead"]),
                str(row["channels"]),
                ", ".join(dead[(dead["architecture"] == name) & (dead["dead"] > 0)]["layer"]) or "–",
            )
            for name, row in totals.iterrows()
        ),
        source(DEAD),
        f"Channels that are positive nowhere on the first {measured.params.analysis.images} test images.",
    )
    question = "What do the first filters look for, and what becomes of an image layer by layer?"
    return Section("inside", "Inside the networks", question, (), (table,), tuple(figures))


def classes_section(measured: Measured, studies: Mapping[str, Shown]) -> Section:
    """Which classes are confused, and whether networks know when they are wrong."""
    figures = []
    for one in studies.values():
        if has_rows(measured.tables["calibration"], one):
            figures.append(
                Figure(
                    f"{one.study}: reliability",
                    "On the diagonal a network is right as often as it is sure. Larger points stand for more "
                    f"predictions; intervals with fewer than {charts.FEWEST_PREDICTIONS} are not shown.",
                    source(CALIBRATION),
                    charts.calibration(measured.tables["calibration"], one),
                )
            )
        figures.append(
            Figure(f"{one.study}: confusion of classes", "Test images, all seeds of a network together.",
                   source(CONFUSION), charts.confusion(measured.tables["confusion"], one))
        )  # fmt: skip
    question = "Which classes are taken for which, and does a network know how sure to be?"
    sentences = measured.about("calibration")
    return Section("classes", "Classes and calibration", question, sentences, (), tuple(figures))


def rates_section(measured: Measured, studies: Mapping[str, Shown]) -> Section:
    """The search for learning rates, and what one rate for all did to the report's ranking."""
    figures = [
        Figure(
            f"{one.study}: validation accuracy by learning rate",
            "One short run for each rate; the large point is the rate that the network was trained with, crosses "
            "are runs that stayed at chance, or diverged and have no accuracy; side by side, of one rate.",
            source(RATES, "tune"),
            charts.learning_rates(measured.tables["learning_rates"], one),
        )
        for one in studies.values()
        if has_rows(measured.tables["learning_rates"], one)
    ]
    replay = measured.params.replay
    recipe = replay.training
    names = {name: shown(name, measured.params.studies) for name in replay.architectures}
    figures.append(
        Figure(
            "The report's recipe at several learning rates",
            f"{recipe.optimizer}, batches of {recipe.batch_size}, {counted(recipe.epochs, 'epoch')} of "
            f"{measured.replayed_images:,} images: a point for each run, lines for the means of those that "
            "trained. Crosses are runs that stayed at chance, or diverged and have no accuracy; side by side, of "
            "one rate. The dashed line is the report's own rate.",
            source(REPLAY, "replay"),
            charts.replay(
                measured.tables["replay"],
                Shown("The report's recipe", names, looks_of(list(measured.params.architectures))),
                replay.training.learning_rate,
            ),
        )
    )
    question = "How much does a ranking owe to the learning rate that all networks were given?"
    sentences = measured.about("learning_rate")
    return Section("learning_rate", "Learning rate", question, sentences, (), tuple(figures))


def claims_section(measured: Measured) -> Section:
    """The report's claims, one by one."""
    table = Table(
        "What the report says, and whether it holds here",
        ("claim", "verdict", "because"),
        tuple((claim.claim, claim.verdict, claim.because) for claim in measured.claims),
        source(f"{CONCLUSIONS}, {TIMING}"),
        "The report trained each network once, for 15 epochs, and looked at the test images while it did.",
    )
    question = "Which conclusions of the report that this study redoes hold?"
    return Section("claims", "The report's claims", question, (), (table,), ())


def picture(title: str, path: str, caption: str) -> Figure:
    """A picture that analyze has drawn."""
    return Figure(title, caption, source(f"plots/images/{path}"), image=f"images/{path}")


def methods(measured: Measured) -> tuple[tuple[str, str], ...]:
    """How the numbers came about."""
    params = measured.params
    recipe, search = params.training, params.tune
    unnamed = [
        name for name in params.architectures if all(name not in s.members for s in params.studies.values())
    ]
    own = [measured.name(name) for name, recipe_of_it in params.recipes.items() if recipe_of_it != recipe]
    return (
        (
            "Data",
            f"{capitalized(DATASETS[params.data.dataset])}; {percent(params.data.validation_fraction)} of the "
            "training images are held out for validation, the same share of each class. Rates are chosen and "
            "training is watched with them. The test images are read by the stage analyze alone.",
        ),
        (
            "Training",
            f"{recipe.optimizer}, {recipe.epochs} epochs, batches of {recipe.batch_size}, schedule "
            f"{recipe.schedule}, label smoothing {recipe.label_smoothing:g}, the same for all networks but for "
            f"what params.yaml overrides; seeds {', '.join(map(str, recipe.seeds))}. A network is collapsed if "
            "chance explains its validation accuracy (99.9 % binomial interval), diverged if its loss was not "
            "finite; neither is ranked.",
        ),
        (
            "Learning rates",
            f"{search.count} rates from {search.lowest:g} to {search.highest:g}, {search.epochs} epochs of "
            f"at most {search.images:,} images each; the highest validation accuracy decides. A rate that "
            "params.yaml gives is taken as it is.",
        ),
        (
            "Comparisons",
            "Paired by seed and by test image: a hierarchical bootstrap, whose part for the seeds is computed "
            "and not drawn. The interval is Student's, with Satterthwaite's degrees of freedom for the variance "
            "between seeds and that of the choice of test images; Holm's correction at 5 % within a study, and "
            "within the pairs that the report's claims are about, so that a pair can be told "
            "apart in one of these and not in the other. The intervals of single accuracies are Student's over "
            "seeds.",
        ),
        (
            "Receptive fields",
            "Theoretical: by the closed form over kernels and strides; the stage profile has confirmed it by the "
            "extent of the gradient. Effective: the gradient of a layer's "
            f"central unit, its mean size over {params.analysis.images} test images (Luo et al., 2016, arXiv "
            "1701.04128).",
        ),
        (
            "Gradients",
            "Euclidean norm of each layer's weight gradient: the mean over evenly spaced steps of each epoch, and "
            "over seeds.",
        ),
        (
            "Clocks",
            "Training time is that of the training steps alone, on the machine and in the environment that "
            "metrics/environment.json names; other work on the machine adds to it.",
        ),
        *((("Recipes of their own", ", ".join(own)),) if own else ()),
        *((("In no study", ", ".join(unnamed)),) if unnamed else ()),
    )


def charts_of(page: Page) -> Iterable[Figure]:
    """All figures of a page that are charts."""
    for figure in (*page.answer_figures, *(figure for section in page.sections for figure in section.figures)):
        if figure.spec is not None:
            yield figure
