"""How the numbers came about."""

from collections.abc import Sequence

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.moderation import FEWEST
from cnn_study.analysis.statistics import significant
from cnn_study.analysis.what_differs import recipe_differences
from cnn_study.params.study import Params
from cnn_study.report.kit.wording import (
    OPTIMIZERS,
    capitalized,
    counted,
    counted_points,
    images_in_words,
    listed,
    rate,
    round_percent,
    with_status,
)
from cnn_study.sources.prepared import Prepared
from cnn_study.training.recipe import Recipe, Training
from cnn_study.training.search import Search


def methods(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Terms and their explanations."""
    params = evidence.params
    margin = counted_points(params.analysis.margin)
    others = trained_otherwise(evidence)
    added = evidence.costs.added(*evidence.params.architectures)
    return (
        (
            "Images",
            f"{capitalized(images_in_words(params.data.dataset, evidence.prepared))}: "
            f"{_splits(evidence.prepared)}. Learning rates are found on the validation images. Only "
            "the stage evaluate shows test images to networks.",
        ),
        ("Training", training_in_words(params)),
        *((("Trained otherwise", others),) if others else ()),
        ("Learning rates", search_in_words(params)),
        (
            "Comparisons",
            "Networks are compared on the same test images, each with seeds of its own. The variance of a "
            "difference is Obuchowski and Rockette's (1995), seeds being their readers and test images their "
            "cases; the interval is Student's with Satterthwaite's degrees of freedom. "
            f"{variances_in_words(evidence)}",
        ),
        (
            "Verdicts",
            "Each pair of all studies is judged once, at the largest budget that both networks have. Two null "
            f"hypotheses are tested: that the pair does not differ, and that it differs by {margin} or more. At "
            "most one of them is true, so that a pair takes one place in Holm's procedure (1979), which keeps "
            "the chance of one wrong verdict or more at 5 %. Pairs that only the original report's claims are "
            f"about are a family of their own. {_mirrors(params)}All other differences at smaller budgets have "
            "intervals, and no verdict. A true difference as large as the minimum detectable one would be "
            "found in 80 % of repetitions, at the level that the procedure applies to the pair. A network is "
            "called the best where its p-values against all others are below 0.05 (Hsu, 1996) and all verdicts on "
            "its pairs in the studies are better; the probability of being the best is that of a flat prior. The "
            "intervals of single accuracies are Student's over seeds.",
        ),
        (
            "Receptive fields",
            "Theoretical: by the closed form over kernels and strides; the stage profile has confirmed it by the "
            "extent of the gradient. Effective: the gradient of a layer's "
            f"central unit, its mean size over {params.evaluate.images} test images, in the network of each seed, "
            "where batch normalisation before training uses the statistics of these images "
            "(Luo et al., 2016, arXiv 1701.04128): its standard deviation, the root of the mean of the variances "
            "across and along the rows, and Luo et al.'s side, the square root of the number of pixels with more "
            "than 4.55 % of the largest. Both count what lies in the image. The dense head reads all units of the "
            "last feature map.",
        ),
        (
            "Calibration",
            "Confidence is the softmax probability of the predicted class. The calibration error is the expected "
            "one (ECE), the mean distance of accuracy from confidence in 15 intervals of confidence. A gap's "
            "interval is normal, over test images, for the runs as they are. A temperature divides the logits of "
            "a run; it is fitted on the validation images by their log loss and changes no prediction (Guo et "
            "al., 2017, arXiv 1706.04599). Label smoothing lowers confidence (Müller et al., 2019, arXiv "
            "1906.02629).",
        ),
        (
            "Gradients",
            "Euclidean norm of each layer's weight gradient: the mean over evenly spaced steps of each epoch, and "
            "over seeds. Where an output layer begins with zeros, all other gradients of the first step are zero. "
            "A gradient vanishes where the first convolution's norm is below a tenth of the last one's, and "
            "explodes where it is above ten times that; with more than 7 convolutions, the bounds are those of a "
            "variance that halves or doubles with every layer, as with Xavier's initialisation and ReLUs (He et "
            "al., 2015, arXiv 1502.01852).",
        ),
        (
            "Dead channels",
            f"A channel is dead if it is positive nowhere on {params.evaluate.images} test images, evenly spaced.",
        ),
        (
            "Clocks",
            "Times that are compared are those of the stage cost, of training steps on random images"
            f"{_where(evidence)}: {'' if added else 'all '}networks in one process, in blocks, in each of "
            f"which every network has one turn, in an order drawn anew. {_later(added)}Ratios are those within "
            "blocks, with Student's intervals for the mean of their logarithms over blocks. The cost of a run is "
            "the time of a step times the number of its steps. What runs took by the clock, other work of the "
            "machine included, is in metrics/timing.json for information.",
        ),
        *((("In no study", ", ".join(params.unnamed)),) if params.unnamed else ()),
    )


def _mirrors(params: Params) -> str:
    """How pairs are judged that have partners in another study; nothing where no study mirrors one."""
    if not any(study.mirrors for study in params.studies.values()):
        return ""
    return (
        "So are the pairs of a study that mirrors another, with their partners, at the largest budget that all of "
        "them have; a pair that is judged at this budget already keeps its verdict. "
    )


def training_in_words(params: Params) -> str:
    """The recipe of all networks but those that have one of their own."""
    training, recipe = params.training, params.training.recipe
    flip, shift = recipe.augmentation.flip, recipe.augmentation.shift
    changes = [
        *(["half of the training images are mirrored"] if flip else []),
        *([f"all are shifted by up to {counted(shift, 'pixel')}"] if shift else []),
    ]
    alike = all(own == training for own in params.trainings.values())
    who = "Each network is" if alike else "Networks not named below are"
    return (
        f"{_optimizer(recipe)}, weight decay {recipe.weight_decay:g}, batches of {recipe.batch_size}, label "
        f"smoothing {recipe.label_smoothing:g}. {_schedule(recipe)} "
        f"{capitalized(listed(changes)) + '. ' if changes else ''}"
        f"{_initialization(recipe)} {who} trained from {counted(len(training.seeds), 'seed')} "
        f"({listed([str(seed) for seed in training.seeds])}) to {_epochs(training)}. A network is collapsed "
        "if chance, which is the share of the largest class, explains its validation accuracy (99.9 % binomial "
        "interval), and diverged if its loss or a weight was not finite; neither is ranked."
    )


def _optimizer(recipe: Recipe) -> str:
    name = OPTIMIZERS[recipe.optimizer]
    if recipe.optimizer == "muon":
        return (
            f"{name} (momentum {recipe.momentum:g}) for filters, AdamW at {recipe.adamw_rate:g} times its rate "
            "for all else"
        )
    return f"{name} ({'Nesterov momentum' if recipe.optimizer == 'sgd' else 'beta1'} {recipe.momentum:g})"


def _schedule(recipe: Recipe) -> str:
    rises = f"rises for {recipe.warmup:g} epochs, then " if recipe.warmup else ""
    if recipe.schedule == "constant":
        return f"The learning rate {rises}is constant."
    return (
        f"The learning rate {rises}is constant, and falls to 0 over the last {round_percent(recipe.cooldown)} of "
        "a run; until then, all budgets of a seed share one run."
    )


def _initialization(recipe: Recipe) -> str:
    if recipe.initialization == "he":
        return "Initial weights are He's, those of the output layer zeros."
    return "Initial weights are PyTorch's defaults."


def trained_otherwise(evidence: Evidence) -> str:
    """Which networks have what else than the recipe of all; those alike together."""
    params = evidence.params
    alike: dict[str, list[str]] = {}
    for name, own in params.trainings.items():
        if own != params.training:
            shown = with_status(name, evidence.summaries, params.studies)
            alike.setdefault(_differences(own, params.training), []).append(shown)
    if not alike:
        return ""
    parts = [f"{listed(names)}: {differences}." for differences, names in alike.items()]
    if any(max(own.budgets) != max(params.training.budgets) for own in params.trainings.values()):
        parts.append(
            "A study is ranked at the largest budget that all of its networks which trained have, or each network "
            "at its own if there is none; two networks are compared at the largest that both have. What is said "
            "of all networks together is of each at its own largest."
        )
    return " ".join(parts)


def _epochs(training: Training) -> str:
    """The budgets: 1, 2 and 4 epochs."""
    *others, largest = sorted(training.budgets)
    return listed([*map(str, others), counted(largest, "epoch")])


def _differences(own: Training, training: Training) -> str:
    """Optimizer AdamW instead of Muon and budgets of 1, 2 and 4 epochs."""
    parts = [
        f"{one.what} {OPTIMIZERS.get(one.of, one.of)} instead of {OPTIMIZERS.get(one.against, one.against)}"
        for one in recipe_differences(own.recipe, training.recipe)
    ]
    if own.budgets != training.budgets:
        parts.append(f"{'a budget' if len(own.budgets) == 1 else 'budgets'} of {_epochs(own)}")
    if own.seeds != training.seeds:
        parts.append(f"seeds {listed([str(seed) for seed in own.seeds])}")
    if (at := own.learning_rate) != training.learning_rate:
        parts.append(f"learning rate {at if isinstance(at, str) else rate(at)}")
    return listed(parts) or "device, threads, or what has no effect here"


def variances_in_words(evidence: Evidence) -> str:
    """How much runs differ, at the largest budget of each optimizer."""
    pools = evidence.accuracies.pools()
    largest = {optimizer: budget for budget, optimizer in sorted(pools)}
    parts = []
    for (budget, optimizer), pool in pools.items():
        if budget != largest[optimizer]:
            continue
        record = pool.record()
        deviation, images = (
            f"{record[key]:.2f}" for key in ("standard_deviation_points", "of_the_image_part_points")
        )
        trained = f"trained with {OPTIMIZERS[optimizer]} for {counted(budget, 'epoch')}"
        of_pool = f"{counted(len(pool.networks), 'network')} {trained}"
        if len(pool.networks) == 1:
            parts.append(
                f"Of networks {trained}, one has several runs that trained. The standard deviation of its "
                f"seeds is taken as {deviation} points: no less than that of independent errors on these test "
                f"images alone (Jordan, 2023), {images} points."
            )
            continue
        equal = "" if pool.equal is None else f" (Bartlett's test of equal variances: {_p_value(pool.equal)})"
        few = f"they are fewer than {FEWEST}" if len(pool.networks) < FEWEST else "more than half of them are 0"
        moderated = "moderated by one another" if pool.moderated else f"those of each alone, since {few}"
        parts.append(
            f"The variances between the seeds of {of_pool} are {moderated}: a standard deviation of {deviation} "
            f"points in the median{equal}. Runs that differ by independent errors on these test images alone "
            f"(Jordan, 2023) would have {images} points."
        )
    moderating = (
        "Variances are moderated (Smyth, 2004; Phipson et al., 2016) within one optimizer and one budget, of "
        f"{FEWEST} networks or more."
    )
    return " ".join([moderating, *parts])


def _p_value(p: float) -> str:
    return f"p = {significant(p, 2)}" if p >= 0.001 else "p below 0.001"


def _where(evidence: Evidence) -> str:
    machine = evidence.costs.machine(*evidence.params.architectures)
    return f" ({machine})" if machine else ""


def _later(added: Sequence[str]) -> str:
    """How networks that were ``added`` to those measured first are compared with them."""
    if not added:
        return ""
    return (
        "Networks that were added later were measured in another process, with one of the first, and are compared "
        "with the others by their ratios to it, with Welch's (1947) degrees of freedom. "
    )


def _splits(prepared: Prepared) -> str:
    counts = (("training", prepared.train), ("validation", prepared.validation), ("testing", prepared.test))
    return listed([f"{sum(of_split):,} for {name}" for name, of_split in counts])


def search_in_words(params: Params) -> str:
    """How rates are found."""
    search = params.tune
    searched = dict.fromkeys(
        training.recipe.optimizer for training in params.trainings.values() if training.learning_rate == "tuned"
    )
    given = "A rate that params.yaml gives is taken as it is."
    if not searched:
        return given
    first = {optimizer: search.initial_rates(optimizer) for optimizer in searched}
    ranges = listed(
        [f"{rate(rates[0])} to {rate(rates[-1])} ({OPTIMIZERS[optimizer]})" for optimizer, rates in first.items()]
    )
    return (
        f"For each network one run of {counted(search.epochs, 'epoch')} on at most {search.images:,} images with "
        f"each of several rates, a factor of {search.factor:g} apart: first from {ranges}, then up to "
        f"{search.beyond} more, below the lowest or above the highest while that is the best; where none trains, "
        "below the lowest if any diverged, else on both sides in turns. The best rate is the vertex of the "
        "parabola through the best run and its neighbours, over the logarithm of the rate; without a neighbour, "
        f"that of the best run. {_longer_training(search)}{given}"
    )


def _longer_training(search: Search) -> str:
    if search.divisor == 1:
        return ""
    power = f"({search.for_epochs} / {search.epochs}) to the power of {search.horizon:g}"
    return (
        f"For training of {counted(search.for_epochs, 'epoch')} it is divided by {power}, since the best rate "
        "falls with the length of training: for this project's networks as benchmarks/README.md "
        "has measured, for language models with a power of 0.32 (Bjorck et al., 2024, arXiv 2409.19913). "
    )
