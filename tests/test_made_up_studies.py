"""Made-up studies, usual and odd: no sentence of the report says what the table of comparisons denies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cnn_study.analysis.costs import NOT_MEASURED, Costs
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.mirrors import mirrored_pairs
from cnn_study.analysis.results import Result
from cnn_study.base.yaml import read_yaml
from cnn_study.cost.records import Session, StepCosts
from cnn_study.params.study import Study, validate
from cnn_study.report.compose import chapters_of, page_of
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.page import Page
from cnn_study.report.kit.rendering import render_html, render_markdown
from cnn_study.report.kit.wording import named
from cnn_study.training.finished import FinishedRun, Trained
from cnn_study.training.records import Replayed, Status
from scripts.readme_results import QUESTIONS
from tests.conftest import REPOSITORY
from tests.report_cases import (
    ENVIRONMENT,
    Right,
    evaluation_of,
    finished_run,
    measured_step,
    prepared_of,
    result,
    right_ones,
    short_run,
)

IMAGES = 1000
CONV = {"conv": 8, "kernel": 3}
LAYERS: Mapping[str, list[dict[str, Any]]] = {
    "base": [CONV, {"pool": 2}],
    "wide": [{"conv": 16, "kernel": 3}, {"pool": 2}],
    "window": [{"conv": 8, "kernel": 5}, {"pool": 2}],
    "deep": [CONV, CONV, {"pool": 2}],
    "deep_norm": [CONV | {"norm": True}, CONV | {"norm": True}, {"pool": 2}],
    "base_adamw": [CONV, {"pool": 2}],
    "wide_adamw": [{"conv": 16, "kernel": 3}, {"pool": 2}],
}
STUDIES: dict[str, dict[str, Any]] = {
    "width": {
        "title": "Width",
        "question": "Does width pay?",
        "baseline": "base",
        "members": {"base": "3×3", "wide": "3×3, wide", "window": "5×5"},
        "controls": [
            {"of": "window", "against": "wide", "topic": "Window or weights", "question": "5×5 instead of width"}
        ],
    },
    "optimizer": {
        "title": "Width with AdamW",
        "question": "Is it a matter of the optimizer?",
        "mirrors": "width",
        "baseline": "base_adamw",
        "members": {"base_adamw": "3×3 AdamW", "wide_adamw": "3×3, wide, AdamW"},
    },
    "depth": {
        "title": "Depth",
        "question": "What does depth give?",
        "baseline": "base",
        "members": {"base": "1 layer", "deep": "2 layers", "deep_norm": "2 layers + norm"},
        "controls": [
            {"of": "deep_norm", "against": "deep", "topic": "Normalisation", "question": "batch normalisation"}
        ],
    },
}
SHARES = {
    "base": 0.60, "wide": 0.66, "window": 0.605, "deep": 0.70, "deep_norm": 0.62, "base_adamw": 0.60,
    "wide_adamw": 0.66,
}  # fmt: skip
FIRST = dict.fromkeys(SHARES, 0.5)  # what they have right at a smaller budget


@dataclass(frozen=True)
class Made:
    """A study: the shares of test images that are right at the largest budget, and ``before`` at the smaller."""

    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    before: Mapping[str, float] = field(default_factory=lambda: FIRST)
    studies: Mapping[str, dict[str, Any]] = field(default_factory=lambda: STUDIES)
    layers: Mapping[str, list[dict[str, Any]]] = field(default_factory=lambda: LAYERS)
    seeds: int = 3
    budgets: tuple[int, ...] = (1, 2)
    own_budgets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    failed: Mapping[str, tuple[Status, ...]] = field(default_factory=dict)
    failed_before: Mapping[str, Status] = field(default_factory=dict)  # at smaller budgets than the largest
    classes: int = 10
    measured: bool = True
    same_images: bool = False  # whether all runs have the same images right
    weights: Mapping[str, int] = field(default_factory=dict)  # in convolutions, of those that have not 5

    @property
    def evidence(self) -> Evidence:
        content = read_yaml(REPOSITORY / "params.yaml")
        content["training"] |= {"budgets": list(self.budgets), "seeds": list(range(self.seeds))}
        content["architectures"] = {
            name: {"layers": layers, "head": {}}
            | {
                "training": ({"recipe": {"optimizer": "adamw"}} if name.endswith("_adamw") else {})
                | ({"budgets": list(self.own_budgets[name])} if name in self.own_budgets else {})
            }
            for name, layers in self.layers.items()
        }
        content["studies"] = self.studies
        content["replay"]["architectures"] = [next(iter(self.layers))]
        labels = np.arange(IMAGES) % self.classes
        names = list(self.layers)
        return Evidence(
            params=validate(content),
            labels=labels,
            classes=tuple(f"class {label}" for label in range(self.classes)),
            prepared=prepared_of(IMAGES).model_copy(
                update=dict.fromkeys(("train", "validation", "test"), (100,) * self.classes)
            ),
            results={name: self._result(name, place) for place, name in enumerate(names)},
            replays={names[0]: Replayed(images=100, runs=(short_run(0.01, 0, 0.3),), environment=ENVIRONMENT)},
            costs=costs_of(names) if self.measured else NOT_MEASURED,
        )

    def _result(self, name: str, place: int) -> Result:
        trained: list[Status] = ["trained"] * self.seeds
        statuses = self.failed.get(name, tuple(trained))
        budgets = self.own_budgets.get(name, self.budgets)
        runs, rights = list[FinishedRun](), dict[tuple[int, int], Right]()
        for seed, status in enumerate(statuses):
            for budget in budgets:
                largest = budget == budgets[-1]
                share = (self.shares if largest else self.before)[name]
                run = finished_run(seed, budget, status if largest else self.failed_before.get(name, status))
                runs.append(run)
                rights[run.key] = self._right(share, place, seed)
        right = np.array([rights[seed, budgets[-1]] for seed in range(len(statuses))])
        one = result(name, right, statuses, parameters=100 + place)
        profile = one.profile.model_copy(update={"conv_parameters": self.weights.get(name, 5)})
        evaluation = evaluation_of(runs, rights)
        labels = np.arange(IMAGES) % self.classes
        predicted = {
            key: replace(
                found,
                predictions=None
                if found.predictions is None
                else replace(found.predictions, predicted=(labels + ~rights[key]) % self.classes),
            )
            for key, found in evaluation.runs.items()
        }
        return replace(
            one, profile=profile, trained=Trained(tuple(runs)), evaluation=replace(evaluation, runs=predicted)
        )

    def _right(self, share: float, place: int, seed: int) -> Right:
        if self.same_images:
            return right_ones([round(share * IMAGES)], IMAGES)[0, :]
        # Images are as hard for one network as for another, so that differences of some points are significant.
        hard = np.random.default_rng(0).permutation(IMAGES)
        generator = np.random.default_rng([1, place, seed])
        noise, luck = 40 * generator.normal(size=IMAGES), 2 * generator.normal()
        place_of = np.argsort(np.argsort(hard + noise))
        right: Right = np.less(place_of, share * IMAGES + luck)
        return right


def costs_of(names: Sequence[str]) -> Costs:
    """Each network's step takes a fifth longer than that of the one before; blocks vary by some percent."""
    networks = {
        name: measured_step([0.02 * 1.2**place * (1 + 0.03 * np.sin(place + 2 * block)) for block in range(5)])
        for place, name in enumerate(names)
    }
    return Costs(StepCosts(reference=names[0], sessions=(Session(networks=networks),)))


def odd_names() -> dict[str, dict[str, Any]]:
    odd = iter(("+ norm", "#1", "$x$ & ~y", "a|b", "<b>bold</b>", "- list", "`code` *star* _low_", "“$$” {0}"))
    return {
        key: study
        | {"title": f"{study['title']} of $$ & <i>", "members": {name: next(odd) for name in study["members"]}}
        for key, study in STUDIES.items()
    }


def many() -> Made:
    names = [f"net_{place}" for place in range(40)]
    layers = {name: [{"conv": 8 + place, "kernel": 3}, {"pool": 2}] for place, name in enumerate(names)}
    study = {
        "title": "Many",
        "question": "Which of many?",
        "baseline": names[0],
        "members": {name: f"net {place}" for place, name in enumerate(names)},
    }
    shares = {name: 0.6 + 0.004 * (place % 20) for place, name in enumerate(names)}
    failed: Mapping[str, tuple[Status, ...]] = dict.fromkeys(names[30:35], ("trained", "collapsed", "diverged"))
    return Made(shares, dict.fromkeys(names, 0.5), {"many": study}, layers, failed=failed)


# What each control of a topic is about; the dilated network, which has a larger window, stands second.
SPLIT = {("window", "base"): "window", ("base", "dilated"): "window", ("wide", "base"): "weights in convolutions"}


def window_or_weights() -> Made:
    layers = {name: LAYERS[name] for name in ("base", "wide", "window")}
    layers["dilated"] = [CONV | {"dilation": 3}, {"pool": 2}]
    controls = [
        {"of": of, "against": against, "topic": "Which", "question": f"{of} for {against}"}
        for of, against in SPLIT
    ]
    names = {name: name for name in layers}
    study = STUDIES["width"] | {"members": names, "controls": controls}
    shares = SHARES | {"dilated": 0.68}
    return Made(shares, dict.fromkeys(shares, 0.5), {"width": study}, layers, weights={"wide": 10})


REVERSED = {
    "base": 0.66, "wide": 0.60, "window": 0.655, "deep": 0.60, "deep_norm": 0.70, "base_adamw": 0.66,
    "wide_adamw": 0.60,
}  # fmt: skip
MADE = {
    "usual": Made(),
    "order reversed": Made(REVERSED, SHARES),
    "all equal": Made(dict.fromkeys(SHARES, 0.6), dict.fromkeys(SHARES, 0.6), same_images=True),
    "one seed": Made(seeds=1),
    "one network": Made(
        studies={"alone": STUDIES["width"] | {"title": "Alone", "members": {"base": "3×3"}, "controls": []}},
        layers={"base": LAYERS["base"]},
    ),
    "a collapsed baseline": Made(failed={"base": ("collapsed", "trained", "collapsed")}),
    "all failed": Made(failed=dict.fromkeys(SHARES, ("diverged", "diverged", "collapsed"))),
    "two classes": Made({name: share + 0.2 for name, share in SHARES.items()}, classes=2),
    # The p-value of the best is below 0.05, and the verdict is another.
    "one budget": Made(SHARES | {"window": 0.666}, budgets=(2,)),
    "three budgets": Made(budgets=(1, 2, 4)),
    # One study is ranked at two epochs, at which a network collapsed, the other at four; they share the baseline.
    "budgets of their own": Made(
        budgets=(2, 4), own_budgets={"wide": (2,)}, failed_before={"window": "collapsed"}
    ),
    "no shared budget": Made(own_budgets={"wide": (4,), "window": (8,)}),
    # Decided among the pairs of the mirror alone, and not among all.
    "a close mirror": Made(SHARES | {"wide": 0.615, "wide_adamw": 0.615}),
    "no cost measured": Made(measured=False),
    "odd names": Made(studies=odd_names()),
    "many networks": many(),
    "window or weights": window_or_weights(),
    "window or weights, failed": replace(
        window_or_weights(), failed={"base": ("collapsed",) * 3, "wide": ("diverged",) * 3}
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What comes of a made-up study."""

    evidence: Evidence
    page: Page
    findings: Sequence[Finding]

    @property
    def studies(self) -> Mapping[str, Study]:
        return self.evidence.params.studies

    def verdict(self, of: str, against: str) -> str | None:
        """As the table of comparisons has it."""
        return self.evidence.confirmatory[of, against].verdict

    def verdicts(self, of: str) -> Iterator[str | None]:
        """Of all comparisons with this network, as it stands to the other."""
        return (pair.verdict for (name, _), pair in self.evidence.confirmatory.items() if name == of)


@cache
def report(name: str) -> Report:
    evidence = MADE[name].evidence
    chapters = chapters_of(evidence)
    findings = [finding for chapter in chapters for finding in chapter.findings]
    return Report(evidence, page_of(evidence, chapters), findings)


@pytest.fixture(params=MADE)
def made(request: pytest.FixtureRequest) -> Report:
    return report(request.param)


# What a sentence claims of the networks that are named behind it, until the next semicolon.
CLAIMS: Mapping[str, set[str | None]] = {
    "more accurate": {"better"},
    "less accurate": {"worse"},
    "equivalent": {"equivalent"},
    "not decided": {"not decided", None},
    "decides nothing": {None},
    "not compared": {None},
}


def claimed(text: str) -> Iterator[tuple[str, set[str | None]]]:
    """Each clause of a sentence that claims something of comparisons, and the verdicts that it allows."""
    for clause in text.removesuffix(".").split("; "):
        # Of two that a clause has, the last: "without variation between runs, so not decided".
        found = [claim for claim in CLAIMS if claim in clause.lower()]
        if found:
            yield clause, CLAIMS[found[-1]]


def stands_in(name: str, clause: str) -> bool:
    """As a whole item: followed by what it is (a number in brackets, say), a comma, "and" or the end."""
    ends = r"(?= \([+−0]| against |, | and |$| \((?:collapsed|diverged))"
    return re.search(rf"(?:^|: | and |, |with |for |without ){re.escape(name)}{ends}", clause) is not None


def test_the_first_screen_says_of_each_comparison_what_the_table_says(made: Report) -> None:
    answers = {answer.question: answer.sentence.text for answer in made.page.answers}
    for study in made.studies.values():
        for control in study.controls:
            assert control.topic
            if control.topic == "Which":
                continue
            _assert_said(made, answers[control.topic], {control.question: (control.of, control.against)})
        asked = {(control.of, control.against) for control in study.controls}
        pairs = {named(name, study): (name, study.baseline) for name in study.members if name != study.baseline}
        if study.mirrors is None:
            _assert_said(
                made, answers[study.title], {name: pair for name, pair in pairs.items() if pair not in asked}
            )


@pytest.mark.parametrize("name", ["window or weights", "window or weights, failed"])
def test_window_and_weights_are_named_under_the_verdicts_of_the_table(name: str) -> None:
    made = report(name)
    (text,) = (one.text for one in made.findings if one.rule == "topic")
    of_window, _, of_weights = text.partition(" A larger number of weights")
    assert made.page.table
    shown = {row[0]: row[1] for row in made.page.table.rows}
    words = {
        "▲ better": "more accurate", "▼ worse": "less accurate", "? not decided": "not shown to differ",
        "not compared": "not compared",
    }  # fmt: skip
    for side, clause in (("window", of_window), ("weights in convolutions", of_weights)):
        pairs = [pair for pair, about in SPLIT.items() if about == side]
        # The table has the baseline, whose window and weights are the smaller ones, second.
        names = [of if against == "base" else against for of, against in pairs]
        parts = [re.split(" (?:is|are) ", part) for part in clause.partition(": ")[2].rstrip(".").split("; ")]
        said = {
            one.partition(" (")[0]: verdict
            for subjects, verdict in parts
            for one in re.split(", | and ", subjects)
        }
        assert said.keys() == set(names)
        for network in names:
            verdict = shown[f"{network} − base"]
            assert said[network].startswith(words.get(verdict, verdict.partition(" ")[2])), (verdict, clause)
    assert ("more accurate than" in of_window) == (name == "window or weights")


def _assert_said(made: Report, text: str, pairs: Mapping[str, tuple[str, str]]) -> None:
    """Each item of a sentence stands once, with the table's verdict; of many, as many as the table has."""
    verdicts = {item: made.verdict(*pair) for item, pair in pairs.items()}
    if text in ("No network trained in all of its runs.", f"{text.split(' is the')[0]} is the only network."):
        assert set(verdicts.values()) <= {None}
        return
    clauses = list(claimed(text))
    many = {clause: re.search(rf": (\d+) of {len(pairs)}\b", clause) for clause, _ in clauses}
    for clause, allowed in clauses:
        if count := many[clause]:
            assert int(count[1]) == sum(verdict in allowed for verdict in verdicts.values()), (clause, verdicts)
    for item, verdict in verdicts.items():
        found = [allowed for clause, allowed in clauses if stands_in(item, clause)]
        counted = [allowed for clause, allowed in clauses if many[clause] and verdict in allowed]
        assert len(found) + len(counted) == 1, (item, text)
        assert verdict in (found or counted)[0], (item, text)


def test_what_answers_rest_on_is_what_was_compared(made: Report) -> None:
    pairs = [
        (finding, pair)
        for finding in made.findings
        if finding.rule in ("members", "topic")
        for pair in finding.numbers["pairs"]
    ]
    assert pairs or all(len(study.members) == 1 for study in made.studies.values())
    for finding, pair in pairs:
        assert pair["verdict"] == made.verdict(pair["of"], pair["against"]), finding


def test_only_what_no_verdict_denies_is_called_the_most_accurate(made: Report) -> None:
    for key, study in made.studies.items():
        (section,) = (one for one in made.page.sections if one.key == key)
        said = " ".join(sentence.text for sentence in section.answer)
        for name in study.members:
            if f"{named(name, study)} is the most accurate" in said:
                ranked = study.members.keys() - made.evidence.compared[key].not_ranked.keys()
                pairs = [pair for pair in study.pairs if name in pair and set(pair) <= set(ranked)]
                for of, against in pairs:
                    assert made.verdict(of, against) == ("better" if of == name else "worse"), said
    denied = next(answer for answer in made.page.answers if answer.question == "What not to conclude")
    for study in made.studies.values():
        for name in study.members:
            if f"{named(name, study)} is the most accurate" in " ".join(
                sentence.text for section in made.page.sections for sentence in section.answer
            ):
                assert f"that {named(name, study)}, which has the highest mean" not in denied.sentence.text


def test_what_holds_with_another_optimizer_is_said_by_the_verdicts_of_the_table(made: Report) -> None:
    words = {"the same": "same", "the opposite": "reversed", "another": "differs", "not": "not decided"}
    for key, study in made.studies.items():
        if study.mirrors is None:
            continue
        pairs = mirrored_pairs(made.evidence, key)
        for pair in pairs:
            own = made.evidence.confirmatory[pair.of, pair.against]
            if own.largest and own.largest.budget == pair.budget:
                assert pair.here.verdict == own.verdict
        (text, *_) = [one.text for one in made.findings if one.rule == "mirrored"] or [""]
        assert bool(text) == bool(pairs)
        for clause in filter(None, text.removesuffix(".").partition(": ")[2].split("; ")):
            if clause.startswith("by 95 % CIs, not corrected, the difference itself changes for "):
                intervals = [pair.change_interval for pair in pairs if pair.change_interval]
                assert clause.count(" against ") == sum(low > 0 or high < 0 for low, high in intervals) > 0
                continue
            if detectable := re.fullmatch(r"the minimum detectable difference with .* is (.*) points", clause):
                sizes = [pair.here.detectable for pair in pairs if pair.here.verdict == "not decided"]
                ends = [end(size for size in sizes if size is not None) for end in (min, max)]
                said = [f"{end:.1f}" if end <= 100 else "over 100" for end in ends]
                assert detectable[1] == " to ".join(dict.fromkeys(said))
                continue
            agreement = next(agreement for word, agreement in words.items() if clause.startswith(word))
            assert clause.count(" against ") == sum(pair.agreement == agreement for pair in pairs)


def test_as_many_orders_change_with_the_budget_as_the_table_shows(made: Report) -> None:
    said = [answer.sentence.text for answer in made.page.answers if answer.question == "Other budgets"]
    named_pairs = {pair for study in made.studies.values() for pair in study.pairs}
    pairs = [made.evidence.confirmatory[pair] for pair in named_pairs]
    with_both = [pair for pair in pairs if pair.interval and pair.smaller]
    assert len(said) == bool(with_both)
    signs = [
        (_sign(pair.smaller[0].interval), _sign(pair.interval), _sign(pair.changes[0].interval))
        for pair in with_both
    ]
    count = sum(before * after < 0 and change != 0 for before, after, change in signs)
    for text in said:
        turned = text.partition("reversed: ")[2].partition("; ")[0]
        more = re.search(r"and (\d+) more", turned)
        assert turned.count("points at") + (int(more[1]) if more else 0) == count


def _sign(interval: tuple[float, float] | None) -> int:
    return 0 if interval is None else int(interval[0] > 0) - int(interval[1] < 0)


def test_titles_of_figures_say_what_the_table_says(made: Report) -> None:
    for key, study in made.studies.items():
        (section,) = (one for one in made.page.sections if one.key == key)
        if section.figure is None:
            continue
        title = section.figure.title
        against_baseline = [(name, study.baseline) for name in study.members if name != study.baseline]
        judged = [pair for pair in against_baseline if made.verdict(*pair)] or study.pairs
        verdicts = [made.verdict(*pair) for pair in judged]
        for word, verdict in (("more accurate", "better"), ("less accurate", "worse")):
            assert (word in title.replace("more or less accurate", "")) == (verdict in verdicts), title
        if "equivalent" in title:
            assert set(verdicts) == {"equivalent"}, title
        if "significantly" in title:
            assert not {"better", "worse"} & set(verdicts), title


def test_each_study_has_its_table_and_its_curves(made: Report) -> None:
    details = ("What differs between the networks of each comparison", "Validation accuracy by epoch")
    for key, study in made.studies.items():
        (section,) = (one for one in made.page.sections if one.key == key)
        titles = [table.title for table in section.tables]
        members = next(table for table in section.tables if table.columns[0] == "network")
        assert len(members.rows) == len(study.members)
        assert section.table is not None
        if len(study.members) > 1:
            assert {detail.title for detail in section.details} >= set(details)
            assert f"{study.title}: what differs in each comparison" in titles
        assert f"studies-{key}-validation_accuracy" in {figure.name for figure in section.figures}


@pytest.mark.parametrize("name", ["usual", "budgets of their own"])
def test_what_training_costs_is_shown_at_the_budget_of_the_ranking(name: str) -> None:
    made = report(name)
    for key, study in made.evidence.compared.items():
        (section,) = (one for one in made.page.sections if one.key == key)
        (figure,) = (one for one in section.figures if one.name == f"studies-{key}-accuracy_against_time")
        assert figure.spec is not None
        shown = pd.DataFrame(figure.spec["data"]["values"]).groupby("name").mean()
        names = made.studies[key].members
        assert set(shown.index) == {names[one] for one in study.ranking}
        for one in study.ranking:
            assert study.budget is not None
            step = made.evidence.timings[one].step
            assert step is not None
            found = shown.loc[names[one]]
            assert found["test_accuracy"] == pytest.approx(made.evidence.accuracies.mean(one, study.budget))
            assert found["run_seconds"] == pytest.approx(step.runs[str(study.budget)].seconds, rel=1e-4)


def test_where_pairs_are_compared_at_several_budgets_captions_say_so() -> None:
    said = "Each pair at the largest budget that both networks have (2 or 4 epochs)."
    for name, expected in (("usual", set()), ("budgets of their own", {"differences", "class_changes"})):
        figures = {one.name: one for one in report(name).page.figures if one.name.startswith("studies-width-")}
        found = {one.removeprefix("studies-width-") for one, figure in figures.items() if said in figure.caption}
        assert found == expected
    (section,) = (one for one in report("no shared budget").page.sections if one.key == "width")
    assert section.table is not None
    assert "each at its largest budget, since they share none" in section.table.note
    (figure,) = (one for one in section.figures if one.name.endswith("accuracy_against_time"))
    assert figure.caption.endswith("Each network at its largest budget, since they share none.")


def test_the_readme_calls_what_budgets_and_times_do_as_the_page_does() -> None:
    made = report("usual")
    rules = {finding.text: finding.rule for finding in made.findings}
    asked = {rules[answer.sentence.text]: answer.question for answer in made.page.answers}
    assert QUESTIONS.items() <= asked.items()


ODD = {
    "not a number": r"\bnan\b|\bNaN\b|\binf\b",
    "nothing": r"\bNone\b",
    "one of several": r"(?<![\d.,+−×])\b1 (?:seeds|epochs|networks|runs|points|comparisons|differences|pairs)\b",
    "doubled spaces": r"(?<=\S)  +(?=\S)",
    "a hyphen for a minus": r"(?<![\w.\-])-\d",
    "an empty list": r": *[;.]|\(\)",
}


def texts(page: Page) -> Iterator[str]:
    """All that is to be read."""
    yield from (page.title, page.subtitle)
    for answer in page.answers:
        yield from (answer.question, answer.sentence.text)
    for figure in page.figures:
        yield from (figure.title, figure.caption, figure.description)
    for section in page.sections:
        yield from (sentence.text for sentence in section.sentences)
    tables = [page.table, *(table for section in page.sections for table in section.tables)]
    for table in filter(None, tables):
        yield from (table.title, table.note, *table.columns, *(cell for row in table.rows for cell in row))
    for term, explanation in page.methods:
        yield from (term, explanation)


@pytest.mark.parametrize("kind", ODD)
def test_no_text_is_odd(made: Report, kind: str) -> None:
    assert [text for text in texts(made.page) if re.search(ODD[kind], text)] == []


def test_every_page_is_written_in_html_and_markdown(made: Report, tmp_path: Path) -> None:
    for figure in made.page.figures:
        if figure.image is not None:
            path = tmp_path / figure.image
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    html, markdown = render_html(made.page, tmp_path), render_markdown(made.page)
    assert "<b>bold" not in html
    for answer in made.page.answers:
        assert answer.question.split()[0].strip("“$") in html
    assert markdown.count("<details>") == markdown.count("</details>") == html.count("</details>")
