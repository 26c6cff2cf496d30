"""What the search for learning rates found, what another rate costs, and whose search was cut off."""

from dataclasses import replace

import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import standard_error
from cnn_study.analysis.summaries import Summary
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from cnn_study.report.kit.members import Members
from cnn_study.report.topics.learning_rates.off_by import best_of, off_by_finding, rate_table, study_table
from cnn_study.report.topics.learning_rates.search import learning_rates, rate_findings
from cnn_study.report.topics.methods import search_in_words
from cnn_study.training.recipe import Optimizer
from cnn_study.training.search import Search
from tests.conftest import REPOSITORY
from tests.report_cases import (
    STUDIES,
    SUMMARY,
    assert_numbers_are_their_own,
    entry,
    result,
    right_ones,
    search,
)


def searches_of(**accuracies: list[float]) -> dict[str, Result]:
    """Searches over 0.1, 0.2, 0.4; an accuracy of 0.1 is a collapse."""
    return {
        name: replace(
            result(name, right_ones([5], 10)), tuning=search(dict(zip((0.1, 0.2, 0.4), found, strict=True)))
        )
        for name, found in accuracies.items()
    }


def rates_of(**accuracies: list[float]) -> pd.DataFrame:
    """Their table."""
    return learning_rates(searches_of(**accuracies))


SEARCH = parse(Search, read_yaml(REPOSITORY / "params.yaml")["tune"] | {"for_epochs": 1}, "tune")
MUON: dict[str, Optimizer] = dict.fromkeys(SUMMARY, "muon")
RATES = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57])


def test_the_standard_error_is_that_of_a_share() -> None:
    assert standard_error(0.5, 2500) == pytest.approx(0.01)
    assert standard_error(0.8, 5000) == pytest.approx(0.00566, abs=1e-5)


def trained_at(**rates: float) -> dict[str, Summary]:
    """The summary, with these rates."""
    return {name: one.model_copy(update={"learning_rate": rates.get(name, 0.2)}) for name, one in SUMMARY.items()}


def test_rates_that_differ_are_told_with_their_factor() -> None:
    (spread,) = rate_findings(RATES, trained_at(thin=0.157, wide=0.4), STUDIES, SEARCH, MUON)
    assert spread.rule == "rates"
    assert spread.text == (
        "The learning rate was searched for 2 of 4 networks, by one short run for each rate; the highest rate "
        "is 2.5× the lowest: from 0.157 (narrow one) to 0.4 (“wide, twice”)."
    )


def test_rates_are_the_same_only_where_all_that_were_found_are() -> None:
    middle, failed = [0.3, 0.5, 0.4], [0.1, 0.1, 0.1]
    (agree,) = rate_findings(rates_of(thin=middle, wide=middle), trained_at(), STUDIES, SEARCH, MUON)
    assert agree.text.endswith("for 2 of 4 networks, by one short run for each rate; the rates are the same: 0.2.")
    (alone,) = rate_findings(rates_of(thin=middle), trained_at(), STUDIES, SEARCH, {"thin": "muon"})
    assert alone.text.endswith("for 1 of 1 network, by one short run for each rate; it is 0.2 for narrow one.")
    (none_found,) = rate_findings(rates_of(thin=middle, wide=failed), trained_at(), STUDIES, SEARCH, MUON)
    assert "none that trains was found for “wide, twice”; it is 0.2 for narrow one" in none_found.text


def test_rates_of_two_optimizers_are_not_compared() -> None:
    trained = trained_at(thin=0.1, wide=0.2, odd=0.001)
    rates = rates_of(thin=[0.3, 0.5, 0.4], wide=[0.3, 0.5, 0.4], odd=[0.3, 0.5, 0.4])
    (finding,) = rate_findings(rates, trained, STUDIES, SEARCH, MUON | {"odd": "adamw"})
    assert finding.text.endswith(
        "; with Muon, the highest rate is 2.0× the lowest: from 0.1 (narrow one) to 0.2 (“wide, twice”); with "
        "AdamW, it is 0.001 for odd one."
    )


def test_by_how_much_longer_training_lowers_the_rates_is_said() -> None:
    budgets = {"thin": 8, "wide": 4}
    summary = {name: one.model_copy(update={"budget": budgets.get(name, 2)}) for name, one in trained_at().items()}
    search = SEARCH.model_copy(update={"for_epochs": 8, "horizon": 0.5})
    _, longer = rate_findings(RATES, summary, STUDIES, search, MUON)
    assert longer.rule == "longer_training"
    assert longer.text == (
        "The best rates of the runs of 1 epoch are divided by 2.83 for training of 8 epochs; all budgets of a "
        "network have this one rate, also where the largest is 4."
    )
    summary["wide"] = summary["thin"]
    _, alike = rate_findings(RATES, summary, STUDIES, search, MUON)
    assert alike.text.endswith("have this one rate.")
    assert len(rate_findings(RATES, summary, STUDIES, search.model_copy(update={"horizon": 0.0}), MUON)) == 1


def test_a_search_that_was_cut_off_is_flagged() -> None:
    summary = trained_at()
    cut_off = summary | {"wide": summary["wide"].model_copy(update={"learning_rate_at_edge": True})}
    _, edge = rate_findings(RATES, cut_off, STUDIES, SEARCH, MUON)
    assert edge.rule == "rate_search_cut_off"
    assert edge.text == (
        "The search was cut off, and a better rate may lie beyond those tried, for “wide, twice” (0.1 to 0.4)."
    )
    both = {name: one.model_copy(update={"learning_rate_at_edge": True}) for name, one in summary.items()}
    (_, one) = rate_findings(RATES, both, STUDIES, SEARCH, MUON)
    assert one.text.endswith("for narrow one (0.1 to 0.4) and “wide, twice” (0.1 to 0.4).")


def test_the_table_has_the_neighbours_of_each_best_rate() -> None:
    searches = searches_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57], odd=[0.1, 0.1, 0.1])
    found = best_of(searches)
    table = rate_table(found, STUDIES)
    assert table is not None
    assert table.rows == (
        ("narrow one", "0.2", "52.0 %", "−21.0 (0.1)", "collapsed (0.4)", "0.178"),
        ("“wide, twice”", "0.4", "57.0 %", "−16.0 (0.2)", "–", "0.4"),
    )
    assert (
        "one standard error of an accuracy, by the validation images alone, is about 0.7. –: not tried."
        in table.note
    )
    in_the_middle = rate_table(best_of(searches_of(thin=[0.31, 0.52, 0.1])), STUDIES)
    assert in_the_middle is not None
    assert in_the_middle.note.endswith("is about 0.7.")
    assert rate_table({}, STUDIES) is None
    narrow = study_table(found, Members("width", "Width", STUDIES["width"].members, {}), 2.0)
    assert narrow.columns == ("network", "best tried", "best ÷ 2", "best × 2", "rate used")
    assert narrow.rows == (
        ("narrow one", "0.2", "−21.0", "collapsed", "0.178"),
        ("wide, twice", "0.4", "−16.0", "–", "0.4"),
    )


def test_the_most_that_a_rate_beside_the_best_one_costs_is_said_and_whom_it_stops() -> None:
    def finding(**accuracies: list[float]) -> str:
        found = off_by_finding(best_of(searches_of(**accuracies)), STUDIES, 2.0)
        assert found is not None
        assert_numbers_are_their_own([found])
        return found.text

    beside = "In the search, a rate 2 times lower or higher than the best one "
    assert finding(thin=[0.51, 0.52, 0.1], wide=[0.33, 0.53, 0.5]) == (
        f"{beside}costs up to 20.0 points of validation accuracy (in “wide, twice” at the lower one) and keeps "
        "narrow one from training; one run for each rate."
    )
    small = "costs less than 0.1 points of validation accuracy (in narrow one at the lower one) and keeps"
    assert small in finding(thin=[0.5196, 0.52, 0.1])
    assert "(in narrow one at the higher one);" in finding(thin=[0.51, 0.52, 0.4])
    assert finding(thin=[0.1, 0.52, 0.1]) == f"{beside}keeps narrow one from training; one run for each rate."
    four = {name: [0.1, 0.52, 0.5] for name in ("thin", "wide", "odd", "wide_matched")}
    assert "keeps 4 of 4 networks from training" in finding(**four)
    assert off_by_finding({}, STUDIES, 2.0) is None
    costless = off_by_finding(best_of(searches_of(thin=[0.52, 0.52, 0.4])), STUDIES, 2.0)
    assert costless is not None
    assert costless.rule == "rate_off_costs_nothing"
    assert "costs no network validation accuracy;" in costless.text


def test_a_search_in_which_nothing_trained_finds_no_best_rate() -> None:
    (finding,) = rate_findings(rates_of(thin=[0.1, 0.1, 0.1]), trained_at(), STUDIES, SEARCH, MUON)
    assert finding.rule == "rates_unknown"
    assert finding.text.endswith("none that trains was found for narrow one.")
    assert rate_findings(RATES.head(0), SUMMARY, STUDIES, SEARCH, MUON) == []


def test_the_table_has_every_run_of_a_search_and_none_of_a_rate_that_was_given() -> None:
    one = result("thin", right_ones([5], 10))
    given = replace(one, name="wide", tuning=one.tuning.model_copy(update={"runs": ()}))
    diverged = replace(one, name="odd", tuning=search({0.2: 0.4, 0.8: None}))
    table = learning_rates({"thin": one, "wide": given, "odd": diverged})
    assert table["architecture"].value_counts().to_dict() == {"thin": 3, "odd": 2}
    assert table.loc[table["best"], ["architecture", "learning_rate"]].to_numpy().tolist() == [
        ["thin", 0.2],
        ["odd", 0.2],
    ]
    assert table["status"].to_list()[-1] == "diverged"
    assert table["validation_accuracy"].isna().to_list() == [False] * 4 + [True]


def test_methods_say_how_rates_are_found_for_those_that_are() -> None:
    params = read_yaml(REPOSITORY / "params.yaml")
    params["tune"]["range"]["adam"] = [0.001, 0.003]
    params["architectures"]["depth_4"]["training"] = {"recipe": {"optimizer": "adam"}}
    words = search_in_words(validate(params))
    first = "0.05 to 0.2 (Muon), 0.001 to 0.002 (Adam) and 0.0005 to 0.002 (AdamW)"
    assert f": first from {first}, then up to 5 more, " in words
    params["training"]["learning_rate"] = 0.1
    assert search_in_words(validate(params)) == "A rate that params.yaml gives is taken as it is."


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    summary = SUMMARY | {"odd": entry(0.1, "diverged"), "wide_matched": entry(0.1, "collapsed")}
    searches = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57], odd=[0.1, 0.1, 0.1])
    searches = pd.concat([searches, rates_of(wide_matched=[0.52, 0.522, 0.1])])
    summary = {name: one.model_copy(update={"learning_rate_at_edge": True}) for name, one in summary.items()}
    assert_numbers_are_their_own(rate_findings(searches, summary, STUDIES, SEARCH, MUON))
