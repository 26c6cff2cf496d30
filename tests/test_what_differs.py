"""What two networks differ in is worked out, and "alone" is said of one thing alone."""

import re
from dataclasses import replace
from typing import Any

import pytest

from cnn_study.analysis.what_differs import (
    Difference,
    NetworkFacts,
    alone,
    choices,
    consequences,
    recipe_differences,
    what_differs,
)
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml
from cnn_study.networks.architecture import Architecture, geometry, spec_of
from cnn_study.networks.layers import KINDS
from cnn_study.params.study import validate
from cnn_study.profiling.complexity import count_conv_parameters, count_parameters, without_weights
from cnn_study.report.topics.studies.answers import of_topics
from cnn_study.report.topics.studies.differences import controls
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.report.topics.studies.what_differs import (
    changes_with_depth,
    differing_table,
    in_brackets,
    verb,
    what_differs_table,
)
from cnn_study.training.entry import Override
from tests.conftest import REPOSITORY, SHAPE
from tests.report_cases import COMPARISON, COSTS, MARGIN, STUDY, SUMMARY, TIMING, compared, steps_of

PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
TRAINING = PARAMS.training
PLAIN = [{"conv": 8, "kernel": 3}, {"pool": 2}, {"conv": 8, "kernel": 3}, {"pool": 2}]


def facts(spec: Architecture, rate: float = 0.1, **override: Any) -> NetworkFacts:
    """As profile counts them."""
    network = without_weights(spec, SHAPE)
    return NetworkFacts(
        spec=spec,
        training=TRAINING.updated(parse(Override, override)),
        conv_weights=count_conv_parameters(network),
        weights=count_parameters(network),
        field=geometry(spec, SHAPE)[-1].receptive_field,
        rate=rate,
    )


FACTS = {
    name: replace(facts(spec), training=PARAMS.trainings[name]) for name, spec in PARAMS.architectures.items()
}
PAIRS = [pair for study in PARAMS.studies.values() for pair in study.pairs]


def differing(of: str, against: str) -> tuple[Difference, ...]:
    return what_differs(FACTS[of], FACTS[against])


def names(differences: Any) -> set[str]:
    return {one.what for one in differences}


def plain(*layers: dict[str, Any], hidden: tuple[int, ...] = (), **override: Any) -> NetworkFacts:
    head = {"hidden": list(hidden)}
    return facts(spec_of({"layers": list(layers) or PLAIN, "head": head}), **override)


@pytest.mark.parametrize(
    ("of", "against", "counted", "following"),
    [
        ("kernel_3x3_dilated_2", "kernel_3x3", {"window"}, {"receptive field"}),
        ("kernel_3x3_dilated_3", "kernel_3x3", {"window"}, {"receptive field"}),
        ("kernel_5x5", "kernel_3x3", {"window", "weights in convolutions"}, {"receptive field", "weights in all"}),
        ("kernel_5x5_matched", "kernel_3x3", {"window", "channels", "hidden width"}, {"receptive field"}),
        (
            "kernel_3x3_wide",
            "kernel_3x3",
            {"channels", "hidden width", "weights in convolutions"},
            {"weights in all"},
        ),
        ("kernel_5x5", "kernel_3x3_wide", {"window", "channels", "hidden width"}, {"receptive field"}),
        ("kernel_1x1_3x3", "kernel_3x3", {"layers", "window", "channels"}, set()),
        (
            "depth_4",
            "kernel_3x3",
            {"layers", "channels", "pools", "weights in convolutions"},
            {"receptive field", "weights in all"},
        ),
        ("depth_6_norm", "depth_6", {"normalisation"}, set()),
        ("residual", "residual_no_norm", {"normalisation"}, set()),
        ("residual", "residual_no_shortcut", {"shortcuts", "weights in convolutions"}, {"weights in all"}),
        ("kernel_3x3_adamw", "kernel_3x3", {"optimizer", "momentum"}, set()),
        ("kernel_3x3", "kernel_3x3", set(), set()),
    ],
)
def test_what_networks_of_the_study_differ_in(
    of: str, against: str, counted: set[str], following: set[str]
) -> None:
    for found in (differing(of, against), differing(against, of)):
        assert (names(choices(found)), names(consequences(found))) == (counted, following)


@pytest.mark.parametrize(
    ("of", "against", "larger"),
    [
        ("kernel_3x3_dilated_2", "kernel_3x3", {"window": 1}),
        ("kernel_5x5_matched", "kernel_3x3", {"window": 1}),
        ("kernel_5x5", "kernel_3x3", {"window": 1, "weights in convolutions": 1, "weights in all": 1}),
        ("kernel_7x7_matched", "kernel_5x5", {"window": 1, "weights in convolutions": -1, "weights in all": -1}),
        ("kernel_3x3_wide", "kernel_3x3", {"weights in convolutions": 1, "weights in all": 1}),
        ("kernel_5x5", "kernel_3x3_dilated_2", {"weights in convolutions": 1, "weights in all": 1}),  # both 5×5
    ],
)
def test_of_windows_and_weights_it_is_known_which_are_larger(
    of: str, against: str, larger: dict[str, int]
) -> None:
    assert {one.what: one.larger for one in differing(of, against) if one.larger} == larger
    assert {one.what: -one.larger for one in differing(against, of) if one.larger} == larger


def test_of_windows_some_larger_and_some_smaller_neither_are() -> None:
    small, large = {"conv": 8, "kernel": 3}, {"conv": 8, "kernel": 5}
    found = what_differs(plain(small, large), plain(large, small))
    assert [one.larger for one in found if one.what == "window"] == [0]
    found = what_differs(plain(large, large), plain(large, small))
    assert [one.larger for one in found if one.what == "window"] == [1]
    found = what_differs(plain(large, large), plain(small))  # no layer of the one is that of the other
    assert [one.larger for one in found if one.what == "window"] == [0]


def test_values_are_those_of_each_network() -> None:
    found = {one.what: (one.against, one.of) for one in differing("depth_4", "kernel_3x3")}
    assert found == {
        "layers": ("2", "4"),
        "channels": ("32, 64", "32, 64, 128, 256"),
        "pools": ("2 × max 2×2", "4 × max 2×2"),
        "weights in convolutions": ("19,392", "388,416"),
        "receptive field": ("10 px", "46 px"),
        "weights in all": ("1,070,794", "653,386"),
    }
    assert differing("kernel_3x3_dilated_2", "kernel_3x3")[0].of == "3×3 dilated to 5×5"


BASES: dict[str, dict[str, Any]] = {
    "conv": {"conv": 8, "kernel": 3},
    "pool": {"pool": 2},
    "residual": {"residual": 8},
}
CHANGED = {
    "conv": 12, "kernel": 5, "stride": 2, "dilation": 2, "groups": 2, "norm": True, "bias": False,
    "pool": 4, "kind": "average", "residual": 12, "shortcut": False,
}  # fmt: skip


@pytest.mark.parametrize(("word", "field"), [(kind.word, field) for kind in KINDS for field in kind.model_fields])
def test_no_parameter_of_a_layer_is_overlooked(word: str, field: str) -> None:
    """A layer type, or a parameter of one, that is new has to be told as well."""
    value = not CHANGED["norm"] if (word, field) == ("residual", "norm") else CHANGED[field]
    before = [{"conv": 8, "kernel": 3}, BASES[word], {"conv": 8, "kernel": 3}]
    after = [before[0], BASES[word] | {field: value}, before[2]]
    assert choices(what_differs(plain(*after), plain(*before)))


@pytest.mark.parametrize(
    "layers",
    [
        [PLAIN[1], *PLAIN[:1], *PLAIN[2:]],
        [*PLAIN[:1], PLAIN[2], PLAIN[1], PLAIN[3]],
        [{"conv": 8, "kernel": 3, "norm": True}, *PLAIN[1:]],
        [*PLAIN[:2], {"conv": 8, "kernel": 3, "norm": True}, PLAIN[3]],
    ],
)
def test_where_in_a_network_something_stands_is_compared_layer_by_layer(layers: list[dict[str, Any]]) -> None:
    (found, *_) = choices(what_differs(plain(*layers), plain()))
    assert found.of != found.against
    assert found.what in ("pools", "normalisation")


def test_networks_of_as_many_layers_are_compared_layer_by_layer_and_others_by_what_changes() -> None:
    small, large = {"conv": 8, "kernel": 3}, {"conv": 8, "kernel": 5}
    later, earlier = plain(small, small, large), plain(small, large, large)
    assert "window" in names(choices(what_differs(later, earlier)))
    assert names(choices(what_differs(plain(small, small, large, large), earlier))) >= {"layers"}
    assert "window" not in names(choices(what_differs(plain(small, small, large, large), earlier)))


def test_hidden_layers_are_counted_and_dropout_is_compared() -> None:
    assert names(choices(what_differs(plain(hidden=(8, 8)), plain(hidden=(8,))))) == {"hidden width"}
    dropout = facts(spec_of({"layers": PLAIN, "head": {"dropout": 0.5}}))
    assert names(choices(what_differs(dropout, plain()))) == {"dropout"}


@pytest.mark.parametrize(("weights", "differs"), [(1000, False), (1010, False), (1011, True), (990, True)])
def test_weights_within_a_percent_are_equal(weights: int, differs: bool) -> None:
    base = replace(plain(), conv_weights=1000)
    found = what_differs(replace(base, conv_weights=weights), base)
    assert (names(found) == {"weights in convolutions"}) == differs


def test_a_rate_that_was_searched_follows_and_a_given_one_counts() -> None:
    tuned = plain(rate=0.1)
    found = what_differs(plain(rate=0.2), tuned)
    assert found == (Difference("learning rate", "0.2", "0.1", follows=True),)
    given = plain(rate=0.2, learning_rate=0.2)
    for other in (tuned, plain(rate=0.1, learning_rate=0.1)):
        assert names(choices(what_differs(given, other))) == {"learning rate"}


def test_keys_of_a_recipe_that_have_no_effect_are_no_difference() -> None:
    sgd = plain(recipe={"optimizer": "sgd"})
    other = plain(recipe={"optimizer": "sgd", "adamw_rate": 0.5, "threads": 1, "device": "cpu"})
    assert what_differs(other, sgd) == ()
    assert names(what_differs(plain(recipe={"adamw_rate": 0.5}), plain())) == {"adamw rate"}
    flat = plain(recipe={"schedule": "constant"})
    assert what_differs(plain(recipe={"schedule": "constant", "cooldown": 0.5}), flat) == ()
    assert names(what_differs(plain(recipe={"cooldown": 0.5}), plain())) == {"cooldown"}


OTHER: dict[str, Any] = {
    "batch_size": 64, "optimizer": "sgd", "momentum": 0.5, "adamw_rate": 0.5, "weight_decay": 0.5,
    "schedule": "constant", "cooldown": 0.5, "warmup": 0.0, "label_smoothing": 0.5, "initialization": "pytorch",
    "precision": "fp32", "device": "cpu", "threads": 1,
}  # fmt: skip


@pytest.mark.parametrize("key", [key for key in type(TRAINING.recipe).model_fields if key != "augmentation"])
def test_no_key_of_a_recipe_is_overlooked(key: str) -> None:
    recipe = TRAINING.recipe
    changed = recipe.model_copy(update={key: OTHER[key]})
    # Where a network is computed is no part of what it is.
    assert bool(recipe_differences(changed, recipe)) == (key not in ("device", "threads"))


def test_both_keys_of_augmentation_are_compared() -> None:
    found = what_differs(plain(recipe={"augmentation": {"flip": False, "shift": 4}}), plain())
    assert {one.what: (one.of, one.against) for one in found} == {
        "augmentation flip": ("no", "yes"),
        "augmentation shift": ("4", "2"),
    }


# What the report says of it.


def studies() -> list[ComparedStudy]:
    """Those of params.yaml, with controls that have been compared."""
    return [
        ComparedStudy(
            key,
            study,
            replace(COMPARISON, controls=[compared(c.of, c.against, 1.9, "better") for c in study.controls]),
            MARGIN,
            SUMMARY,
            TIMING,
            COSTS,
            {pair: differing(*pair) for pair in study.pairs},
        )
        for key, study in PARAMS.studies.items()
    ]


def test_alone_is_said_where_one_thing_differs_and_nowhere_else() -> None:
    said = set()
    for study in studies():
        for finding in controls(study):
            pair = (finding.numbers["of"], finding.numbers["against"])
            one = alone(differing(*pair))
            assert bool(re.search(r"\balone\b", finding.text)) == (one is not None), finding.text
            if one is not None:
                assert f"({one.what} alone differs)" in finding.text  # a window, normalisation
                said.add(pair)
    assert said == {
        ("kernel_3x3_dilated_2", "kernel_3x3"),
        ("kernel_3x3_dilated_3", "kernel_3x3"),
        ("depth_6_norm", "depth_6"),
        ("residual", "residual_no_norm"),
    }


def test_a_control_in_which_more_differs_names_it() -> None:
    assert in_brackets(differing("kernel_5x5", "kernel_3x3")) == " (window and weights in convolutions differ)"
    assert in_brackets(()) == ""


def test_the_study_says_of_windows_and_of_weights_what_its_controls_find() -> None:
    (study,) = (one for one in studies() if one.key == "kernel_size")
    study = replace(study, judged={(pair.of, pair.against): pair for pair in study.comparison.controls})
    (answered,) = of_topics(study)
    assert answered.finding.text == (
        "A larger window with about the same number of weights in convolutions: “3×3, dilation 2” (+1.9 points), "
        "“3×3, dilation 3” (+1.9), “5×5, matched” (+1.9) and “7×7, matched” (+1.9) are more accurate than 3×3; "
        "5×5 (+1.9) is more accurate than “3×3, wide”. A larger number of weights in convolutions with the same "
        "window: “3×3, wide” (+1.9 points) is more accurate than 3×3."
    )


def test_the_verb_is_that_of_what_differs() -> None:
    said = {
        in_brackets([Difference(what, "a", "b")])
        for what in ("shortcuts", "pools", "weights in convolutions", "dropout", "hidden width")
    }
    assert said == {
        " (shortcuts alone differ)", " (pools alone differ)", " (weights in convolutions alone differ)",
        " (dropout alone differs)", " (hidden width alone differs)",
    }  # fmt: skip
    assert (verb("change", ["dropout"]), verb("change", ["dropout", "window"])) == ("changes", "change")


def test_what_changes_in_all_pairs_in_which_depth_does_is_found() -> None:
    (depth,) = (study for study in studies() if study.key == "depth")
    assert changes_with_depth(depth) == ["pools", "weights in convolutions"]
    for name in ("kernel_size", "optimizer"):
        (other,) = (study for study in studies() if study.key == name)
        assert changes_with_depth(other) == []
    one = replace(depth, differing={pair: depth.differing[pair] for pair in [("depth_4", "kernel_3x3")]})
    assert changes_with_depth(one) == []  # of one pair, all that differs would be


def test_every_pair_of_every_study_is_in_the_tables() -> None:
    table = differing_table(studies())
    assert [tuple(pair) for pair in table[["of", "against"]].drop_duplicates().to_numpy()] == PAIRS
    row = table[(table["of"] == "kernel_3x3_dilated_2")].to_numpy().tolist()
    assert row == [
        ["kernel_size", "kernel_3x3_dilated_2", "kernel_3x3", "window", "3×3 dilated to 5×5", "3×3", "choice"],
        ["kernel_size", "kernel_3x3_dilated_2", "kernel_3x3", "receptive field", "16 px", "10 px", "consequence"],
    ]
    shown = [what_differs_table(study) for study in studies()]
    assert sum(len(table.rows) for table in shown) == len(PAIRS)
    assert shown[0].columns == ("comparison", "question", "what differs", "what follows from it")
    assert (
        "3×3, dilation 2 − 3×3",
        "a 5×5 window without more weights",
        "window 3×3 → 3×3 dilated to 5×5",
        "receptive field 10 px → 16 px",
    ) in shown[0].rows
    assert shown[1].columns == ("comparison", "what differs", "what follows from it")  # it has no controls


def test_the_table_of_what_differs_has_times_where_they_were_measured() -> None:
    study = ComparedStudy(
        "width", STUDY, COMPARISON, MARGIN, SUMMARY, TIMING, COSTS, dict.fromkeys(STUDY.pairs, ())
    )
    table = what_differs_table(study)
    assert table.columns[-1] == "time of a training step, ratio"
    assert {row[0]: row[-1] for row in table.rows}["wide, twice − wide_matched"] == "1.19× [1.14, 1.26]"
    costs = steps_of({"thin": 50}, thin=(0.041, 0.03), wide=(0.00836, 0.04), wide_matched=(0.007, 0.03))
    table = what_differs_table(replace(study, costs=costs))
    assert table.columns[-1] == "time of a training image, ratio"
