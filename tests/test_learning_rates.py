"""What the search for learning rates found, and whose rate lies at its edge."""

from dataclasses import replace

import pandas as pd

from cnn_study.report.topics.learning_rates.search import learning_rates, rate_findings
from tests.report_cases import (
    STUDIES,
    SUMMARY,
    assert_numbers_are_their_own,
    entry,
    result,
    right_ones,
    search,
)


def rates_of(**accuracies: list[float]) -> pd.DataFrame:
    """Searches over 0.1, 0.2, 0.4; an accuracy of 0.1 is a collapse."""
    results = {
        name: replace(
            result(name, right_ones([5], 10)), tuning=search(dict(zip((0.1, 0.2, 0.4), found, strict=True)))
        )
        for name, found in accuracies.items()
    }
    return learning_rates(results)


RATES = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57])


def test_rates_that_differ_are_told_with_their_factor_and_those_at_the_edge_are_flagged() -> None:
    spread, edge = rate_findings(RATES, SUMMARY, STUDIES)
    assert spread.rule == "rates_differ"
    assert spread.text == (
        "The learning rate was searched for 2 of 4 networks, by one short run for each rate; the best ones found "
        "span a factor of 2.0×: 0.2 for narrow one; 0.4 for “wide, twice”."
    )
    assert edge.rule == "rate_at_edge"
    assert edge.text.startswith("“wide, twice”: the best learning rate found, 0.4, is the highest of 3 tried")


def test_every_network_has_one_rate_only_where_all_were_searched_and_found_one() -> None:
    middle, failed = [0.3, 0.5, 0.4], [0.1, 0.1, 0.1]
    both = {name: SUMMARY[name] for name in ("thin", "wide")}
    (all_agree,) = rate_findings(rates_of(thin=middle, wide=middle), both, STUDIES)
    assert all_agree.text.endswith(
        "for 2 of 2 networks, by one short run for each rate; every network has the same best one: 0.2 for narrow "
        "one and “wide, twice”."
    )
    (fixed,) = rate_findings(rates_of(thin=middle, wide=middle), SUMMARY, STUDIES)
    (none_found,) = rate_findings(rates_of(thin=middle, wide=failed), both, STUDIES)
    for finding in (fixed, none_found):
        assert "every" not in finding.text
        assert finding.rule == "rates_agree"
    assert "for 2 of 4 networks" in fixed.text
    assert "none that trains was found for “wide, twice”; the best ones found are the same" in none_found.text


def test_the_lowest_rate_is_an_edge_too_and_the_middle_is_none() -> None:
    (spread, edge) = rate_findings(rates_of(thin=[0.5, 0.4, 0.3]), SUMMARY, STUDIES)
    assert spread.rule == "rates_agree"
    assert "0.1, is the lowest of 3 tried" in edge.text
    assert len(rate_findings(rates_of(thin=[0.3, 0.5, 0.4]), SUMMARY, STUDIES)) == 1


def test_a_search_in_which_nothing_trained_finds_no_best_rate() -> None:
    (finding,) = rate_findings(rates_of(thin=[0.1, 0.1, 0.1]), SUMMARY, STUDIES)
    assert finding.rule == "rates_unknown"
    assert finding.text.endswith("none that trains was found for narrow one; so there is no best one.")
    assert rate_findings(RATES.head(0), SUMMARY, STUDIES) == []


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


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    summary = SUMMARY | {"odd": entry(0.1, "diverged"), "wide_matched": entry(0.1, "collapsed")}
    searches = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57], odd=[0.1, 0.1, 0.1])
    assert_numbers_are_their_own(rate_findings(searches, summary, STUDIES))
