"""What two networks differ in, worked out from their specs, their recipes and what profile counts.

A difference is a *choice* or a *consequence*. Choices are what params.yaml sets: layers, head, recipe.
Consequences follow from choices whatever else is done, and explain nothing besides: the receptive field (of
windows, strides and pools), the number of weights in all (of convolutions and dense layers), and a learning rate
that the search has found, since the search is the same for both and gives each its own best. Weights in
convolutions count among the choices: a window can grow without them (dilation) and they can grow without a
window (channels), and which of the two matters is what the study of kernels asks. So 5×5 kernels instead of 3×3
ones are two choices, window and weights; 3×3 kernels with a dilation are one.

One thing *alone* differs where there is exactly one choice. Numbers of weights within 1 % of each other are equal:
this is how close networks are that are called matched. What each layer has is compared layer by layer; between
networks of different depth, without what repeats from one layer to the next.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import significant
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.layers import Window
from cnn_study.params.study import Params
from cnn_study.training.recipe import Recipe, Training

TOLERANCE = 0.01  # between numbers of weights that are equal
# Of a recipe: where it is computed, and not what.
NOT_COMPARED = ("device", "threads")
# Keys of a recipe that have an effect only where another key has this value.
ONLY_WITH = {"adamw_rate": ("optimizer", "muon"), "cooldown": ("schedule", "cooldown")}

Pair = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """One thing that differs, with the two values as they are to be read; ``follows``: whether from others.

    ``larger``: of windows and of numbers of weights, 1 where that of ``of`` is larger, -1 where that of
    ``against`` is. 0 of all else, and of windows of which some are larger and some smaller.
    """

    what: str
    of: str
    against: str
    follows: bool = False
    larger: int = 0


@dataclass(frozen=True)
class NetworkFacts:
    """All that differences are looked for in.

    ``field``: the receptive field of the last feature map, in pixels. ``rate``: that it trained with.
    """

    spec: Architecture
    training: Training
    conv_weights: int
    weights: int
    field: int
    rate: float

    @classmethod
    def of(cls, params: Params, result: Result) -> "NetworkFacts":
        """An architecture of params.yaml, with what the stages have found of it."""
        profile = result.profile
        return cls(
            spec=params.architectures[result.name],
            training=params.trainings[result.name],
            conv_weights=profile.conv_parameters,
            weights=profile.parameters,
            field=profile.receptive_field,
            rate=result.tuning.learning_rate,
        )


def what_differs(of: NetworkFacts, against: NetworkFacts) -> tuple[Difference, ...]:
    """First the choices, then the consequences; nothing of a network and itself."""
    searched = of.training.learning_rate == against.training.learning_rate == "tuned"
    found = [
        *_of_specs(of.spec, against.spec),
        *_weights("weights in convolutions", of.conv_weights, against.conv_weights),
        *recipe_differences(of.training.recipe, against.training.recipe),
        *rate_differences(of.rate, against.rate, follows=searched),
        *_different("receptive field", f"{of.field} px", f"{against.field} px", follows=True),
        *_weights("weights in all", of.weights, against.weights, follows=True),
    ]
    return (*choices(found), *consequences(found))


def choices(differences: Iterable[Difference]) -> list[Difference]:
    """Those that count."""
    return [one for one in differences if not one.follows]


def consequences(differences: Iterable[Difference]) -> list[Difference]:
    """Those that follow."""
    return [one for one in differences if one.follows]


def alone(differences: Iterable[Difference]) -> Difference | None:
    """The one choice, where there is one alone."""
    counted = choices(differences)
    return counted[0] if len(counted) == 1 else None


def what_differs_in_studies(
    params: Params, results: Mapping[str, Result]
) -> dict[str, dict[Pair, tuple[Difference, ...]]]:
    """By study and pair (of, against): every member against the baseline, then the controls."""
    networks = {name: NetworkFacts.of(params, result) for name, result in results.items()}
    return {
        key: {(of, against): what_differs(networks[of], networks[against]) for of, against in study.pairs}
        for key, study in params.studies.items()
    }


def equal_weights(of: int, against: int) -> bool:
    """Whether two numbers of weights count as the same."""
    return abs(of - against) <= TOLERANCE * min(of, against)


def recipe_differences(of: Recipe, against: Recipe) -> list[Difference]:
    """The keys that differ, of those that have an effect in both."""
    one, other = _by_key(of), _by_key(against)
    return [
        difference
        for key in one
        if key not in NOT_COMPARED and _has_effect(key, one) and _has_effect(key, other)
        for difference in _different(key.replace("_", " "), one[key], other[key])
    ]


def rate_differences(of: float, against: float, *, follows: bool = False) -> list[Difference]:
    """Of two learning rates; ``follows``: whether the same search has found both."""
    return _different("learning rate", significant(of, 6), significant(against, 6), follows=follows)


def _by_key(recipe: Recipe) -> dict[str, str]:
    """The values as they are to be read; "augmentation flip", say, is a key."""
    values = recipe.model_dump()
    parts = {f"augmentation {key}": value for key, value in values.pop("augmentation").items()}
    return {key: _yes(value) if isinstance(value, bool) else str(value) for key, value in (values | parts).items()}


def _has_effect(key: str, recipe: Mapping[str, str]) -> bool:
    other, value = ONLY_WITH.get(key, (key, recipe[key]))
    return recipe[other] == value


def _of_specs(of: Architecture, against: Architecture) -> list[Difference]:
    one, other = _MainPath.of(of), _MainPath.of(against)
    return [
        *_different("layers", str(len(one.pools) - 1), str(len(other.pools) - 1)),
        *_windows(one, other),
        *chain.from_iterable(
            _by_layer(what, one.by_layer[what], other.by_layer[what]) for what in one.by_layer if what != "window"
        ),
        *_pools(one.pools, other.pools),
        *_different("hidden width", _listed(map(str, of.head.hidden)), _listed(map(str, against.head.hidden))),
        *_different("dropout", f"{of.head.dropout:g}", f"{against.head.dropout:g}"),
    ]


@dataclass(frozen=True)
class _MainPath:
    """What stands between the image and the head, as it is to be read.

    ``by_layer``: in order, of each convolution or each layer with weights. ``extents``: the sides of the windows
    of convolutions, in pixels. ``pools``: those before the first convolution, and those behind each.
    """

    by_layer: dict[str, list[str]]
    extents: list[int]
    pools: list[list[str]]

    @classmethod
    def of(cls, spec: Architecture) -> "_MainPath":
        what = ("window", "channels", "strides", "groups", "normalisation", "biases", "shortcuts")
        by_layer: dict[str, list[str]] = {name: [] for name in what}
        extents: list[int] = []
        pools: list[list[str]] = [[]]
        for layer in spec.layers:
            options = {"groups": 1, "norm": False, "shortcut": False} | layer.model_dump()
            if layer.pools:
                pools[-1] += [f"{options.get('kind', layer.word)} {_window(window)}" for window in layer.windows]
                continue
            for window in layer.windows:
                by_layer["window"].append(_window(window))
                extents.append(window.extent)
                by_layer["channels"].append(str(layer.channels_after(0)))
                by_layer["strides"].append(str(window.stride))
                pools.append([])
            by_layer["groups"].append(str(options["groups"]))
            by_layer["normalisation"].append(_yes(options["norm"]))
            by_layer["shortcuts"].append(_yes(options["shortcut"]))
            if "bias" in options:  # else it follows from normalisation
                by_layer["biases"].append(_yes(options["bias"]))
        return cls(by_layer, extents, pools)


def _window(window: Window) -> str:
    """5×5; 3×3 dilated to 5×5."""
    kernel, extent = (f"{side}×{side}" for side in (window.kernel, window.extent))
    return kernel if kernel == extent else f"{kernel} dilated to {extent}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _different(what: str, of: str, against: str, *, follows: bool = False) -> list[Difference]:
    return [] if of == against else [Difference(what, of, against, follows)]


def _weights(what: str, of: int, against: int, *, follows: bool = False) -> list[Difference]:
    if equal_weights(of, against):
        return []
    return [Difference(what, f"{of:,}", f"{against:,}", follows, _larger([of], [against]))]


def _windows(of: _MainPath, against: _MainPath) -> list[Difference]:
    found = _by_layer("window", of.by_layer["window"], against.by_layer["window"])
    return [replace(one, larger=_larger(of.extents, against.extents)) for one in found]


def _larger(of: Sequence[int], against: Sequence[int]) -> int:
    """1 where some values are larger and none is smaller, -1 the other way round, else 0; as of other lengths."""
    if len(of) != len(against):
        return 0
    signs = {(one > other) - (one < other) for one, other in zip(of, against, strict=True)} - {0}
    return signs.pop() if len(signs) == 1 else 0


def _by_layer(what: str, of: Sequence[str], against: Sequence[str]) -> list[Difference]:
    """A layer type of which this is no choice says nothing of it, and is not compared."""
    if not (of and against):
        return []
    alike = of == against if len(of) == len(against) else _runs(of) == _runs(against)
    if alike:
        return []
    one, other = (values[0] if len(set(values)) == 1 else _listed(values) for values in (of, against))
    return [Difference(what, one, other)]


def _pools(of: Sequence[Sequence[str]], against: Sequence[Sequence[str]]) -> list[Difference]:
    """Where they stand counts between networks of as many convolutions alone."""
    one, other = list(chain.from_iterable(of)), list(chain.from_iterable(against))
    if one != other:
        return [Difference("pools", _listed(one), _listed(other))]
    if len(of) != len(against) or of == against:
        return []
    places = [[f"behind {place}" for place, pools in enumerate(path) for _ in pools] for path in (of, against)]
    return [Difference("pools", _listed(places[0]), _listed(places[1]))]


def _runs(values: Iterable[str]) -> list[str]:
    return [value for value, _ in groupby(values)]


def _listed(values: Iterable[str]) -> str:
    """In order: 32, 2 × 64."""
    runs = [(value, len(list(same))) for value, same in groupby(values)]
    return ", ".join(value if count == 1 else f"{count} × {value}" for value, count in runs) or "none"
