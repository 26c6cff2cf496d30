"""What the search for learning rates found, what another rate costs, and whose search was cut off."""

from dataclasses import replace

import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import standard_error
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from cnn_study.report.kit.members import Members
from cnn_study.report.topics.learning_rates.off_by import chosen_of, off_by_finding, rate_table, study_table
from cnn_study.report.topics.learning_rates.search import learning_rates, rate_findings
from cnn_study.report.topics.methods import search_in_words
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


RATES = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57])


def test_the_standard_error_is_that_of_a_share() -> None:
    assert standard_error(0.5, 2500) == pytest.approx(0.01)
    assert standard_error(0.8, 5000) == pytest.approx(0.00566, abs=1e-5)


def test_rates_that_differ_are_told_with_their_factor() -> None:
    (spread,) = rate_findings(RATES, SUMMARY, STUDIES, 1)
    assert spread.rule == "rates_differ"
    assert spread.text == (
        "The learning rate was searched for 2 of 4 networks, by one short run for each rate; those found span a "
        "factor of 2.0×: 0.2 for narrow one; 0.4 for “wide, twice”."
    )


def test_every_network_has_one_rate_only_where_all_were_searched_and_found_one() -> None:
    middle, failed = [0.3, 0.5, 0.4], [0.1, 0.1, 0.1]
    both = {name: SUMMARY[name] for name in ("thin", "wide")}
    (all_agree,) = rate_findings(rates_of(thin=middle, wide=middle), both, STUDIES, 1)
    assert all_agree.text.endswith(
        "for 2 of 2 networks, by one short run for each rate; every network has the same: 0.2 for narrow one "
        "and “wide, twice”."
    )
    (alone,) = rate_findings(rates_of(thin=middle), {"thin": SUMMARY["thin"]}, STUDIES, 1)
    assert alone.text.endswith("for 1 of 1 network, by one short run for each rate; it is 0.2 for narrow one.")
    (fixed,) = rate_findings(rates_of(thin=middle, wide=middle), SUMMARY, STUDIES, 1)
    (none_found,) = rate_findings(rates_of(thin=middle, wide=failed), both, STUDIES, 1)
    for finding, rule in ((fixed, "rates_agree"), (none_found, "rate_of_one")):
        assert "every" not in finding.text
        assert finding.rule == rule
    assert "for 2 of 4 networks" in fixed.text
    assert "none that trains was found for “wide, twice”; it is 0.2 for narrow one" in none_found.text


def test_a_search_that_was_cut_off_is_flagged() -> None:
    cut_off = SUMMARY | {"wide": SUMMARY["wide"].model_copy(update={"learning_rate_at_edge": True})}
    _, edge = rate_findings(RATES, cut_off, STUDIES, 1)
    assert edge.rule == "rate_search_cut_off"
    assert edge.text == (
        "The search was cut off, and a better rate may lie beyond those tried, for “wide, twice” (0.1 to 0.4)."
    )
    both = {name: one.model_copy(update={"learning_rate_at_edge": True}) for name, one in SUMMARY.items()}
    (_, one) = rate_findings(RATES, both, STUDIES, 1)
    assert one.text.endswith("for narrow one (0.1 to 0.4) and “wide, twice” (0.1 to 0.4).")


def test_what_the_chosen_rate_costs_in_the_search_is_told() -> None:
    lower = rates_of(thin=[0.52, 0.522, 0.1], wide=[0.56, 0.566, 0.565], odd=[0.3, 0.5, 0.4])
    _, cost = rate_findings(lower, SUMMARY, STUDIES, 2)
    assert cost.rule == "higher_rates_were_better"
    assert cost.text == (
        "For 2 of 3 networks a higher rate than the chosen one had a higher validation accuracy in these runs of "
        "2 epochs, by at most 0.60 points (“wide, twice”). All budgets of a network are trained with its one rate."
    )


def test_the_table_has_the_neighbours_of_each_chosen_rate() -> None:
    searches = searches_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57], odd=[0.1, 0.1, 0.1])
    chosen = chosen_of(searches)
    table = rate_table(chosen, STUDIES)
    assert table is not None
    assert table.rows == (
        ("narrow one", "0.2", "52.0 %", "−21.0 (0.1)", "collapsed (0.4)"),
        ("“wide, twice”", "0.4", "57.0 %", "−16.0 (0.2)", "–"),
    )
    assert "one standard error of an accuracy, by the validation images alone, is about 0.7." in table.note
    assert rate_table({}, STUDIES) is None
    narrow = study_table(chosen, Members("width", "Width", STUDIES["width"].members, {}), 2.0)
    assert narrow.columns == ("network", "rate", "rate ÷ 2", "rate × 2")
    assert narrow.rows == (
        ("narrow one", "0.2", "−21.0", "collapsed"),
        ("wide, twice", "0.4", "−16.0", "–"),
    )


def test_the_most_that_a_rate_beside_the_chosen_one_costs_is_said_and_whom_it_stops() -> None:
    def finding(**accuracies: list[float]) -> str:
        found = off_by_finding(chosen_of(searches_of(**accuracies)), STUDIES, 2.0)
        assert found is not None
        assert_numbers_are_their_own([found])
        return found.text

    beside = "In the search, a rate 2 times lower or higher than the chosen one "
    assert finding(thin=[0.51, 0.52, 0.1], wide=[0.33, 0.53, 0.5]) == (
        f"{beside}costs up to 20.0 points of validation accuracy (in “wide, twice” at the lower one) and keeps "
        "narrow one from training; one run for each rate."
    )
    assert "(in narrow one at the higher one);" in finding(thin=[0.51, 0.52, 0.4])
    assert finding(thin=[0.1, 0.52, 0.1]) == f"{beside}keeps narrow one from training; one run for each rate."
    four = {name: [0.1, 0.52, 0.5] for name in ("thin", "wide", "odd", "wide_matched")}
    assert "keeps 4 of 4 networks from training" in finding(**four)
    assert off_by_finding({}, STUDIES, 2.0) is None
    gains = chosen_of(searches_of(thin=[0.52, 0.522, 0.1]))
    lowest = {"thin": replace(gains["thin"], beside={"lower": None, "higher": gains["thin"].beside["higher"]})}
    costless = off_by_finding(lowest, STUDIES, 2.0)
    assert costless is not None
    assert costless.rule == "rate_off_costs_nothing"
    assert "costs no network validation accuracy;" in costless.text


def test_a_search_in_which_nothing_trained_finds_no_best_rate() -> None:
    (finding,) = rate_findings(rates_of(thin=[0.1, 0.1, 0.1]), SUMMARY, STUDIES, 1)
    assert finding.rule == "rates_unknown"
    assert finding.text.endswith("none that trains was found for narrow one.")
    assert rate_findings(RATES.head(0), SUMMARY, STUDIES, 1) == []


def test_the_table_has_every_run_of_a_search_and_none_of_a_rate_that_was_given() -> None:
    one = result("thin", right_ones([5], 10))
    given = replace(one, name="wide", tuning=one.tuning.model_copy(update={"runs": ()}))
    diverged = replace(one, name="odd", tuning=search({0.2: 0.4, 0.8: None}))
    table = learning_rates({"thin": one, "wide": given, "odd": diverged})
    assert table["architecture"].value_counts().to_dict() == {"thin": 3, "odd": 2}
    assert table.loc[table["chosen"], ["architecture", "learning_rate"]].to_numpy().tolist() == [
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
    assert_numbers_are_their_own(rate_findings(searches, summary, STUDIES, 1))
