"""What is said of dead channels, and of the pictures that show them."""

from dataclasses import replace

import numpy as np

from cnn_study.analysis.results import Result
from cnn_study.report.topics.inside.chapter import chapter
from cnn_study.report.topics.inside.dead import dead_finding
from cnn_study.training.records import Status
from tests.report_cases import STUDIES, SUMMARY, assert_numbers_are_their_own, result, right_ones
from tests.test_compose import made_up_evidence


def with_dead(name: str, count: int, status: Status = "trained") -> Result:
    """A network of one layer of four channels of which so many are dead."""
    return with_dead_channels(result(name, right_ones([5], 10), status), count)


def with_dead_channels(one: Result, count: int) -> Result:
    inside = replace(one.evaluation.inside, dead={"conv1": np.arange(4) < count})
    return replace(one, evaluation=replace(one.evaluation, inside=inside))


def said(*results: Result) -> str:
    finding = dead_finding({one.name: one for one in results}, SUMMARY, STUDIES, 200)
    assert_numbers_are_their_own([finding])
    return finding.text


def test_dead_channels_are_counted_and_the_network_with_the_most_is_named() -> None:
    nowhere = "dead channels, which are positive nowhere on 200 test images (one run of each)"
    assert said(with_dead("thin", 2), with_dead("wide", 0)) == f"1 of 2 networks has {nowhere}: 2 in narrow one."
    assert said(with_dead("thin", 2), with_dead("wide", 3)) == (
        f"2 of 2 networks have {nowhere}: at most 3, in “wide, twice”."
    )


def test_networks_without_dead_channels_and_networks_that_diverged_are_not_taken_for_each_other() -> None:
    none = "each is positive somewhere on 200 test images"
    assert said(with_dead("thin", 0), with_dead("wide", 0)) == (
        f"No channel is dead in any of 2 networks: {none} (one run of each)."
    )
    alone = said(with_dead("thin", 4, "diverged"), with_dead("wide", 0))
    assert alone == f"No channel is dead: {none} (one run)."
    assert said(with_dead("thin", 4, "diverged")) == "Every run that would be looked into diverged."


def test_a_picture_is_called_by_the_dead_channels_that_it_crosses_out() -> None:
    evidence = made_up_evidence()
    (section,) = chapter(evidence).sections
    assert section.figure is not None
    assert "; 9 dead channels, crossed out" in section.figure.title
    alive = {name: with_dead_channels(one, 0) for name, one in evidence.results.items()}
    (section,) = chapter(replace(evidence, results=alive)).sections
    assert section.figure is not None
    assert section.figure.title.endswith("; no dead channel in these layers")
    diverged = made_up_evidence(diverged=set(evidence.results))
    (failed,) = chapter(diverged).sections
    assert failed.figure is not None
    assert failed.figure.title.endswith("; first weights, since every run diverged")
    assert [detail.title for detail in section.details] == [
        "First layers of the other studies",
        "Feature maps, from the image to the last layer",
    ]
