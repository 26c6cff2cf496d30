"""How the numbers came about."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.params.study import Params
from cnn_study.report.kit.wording import capitalized, counted, images_in_words, listed, with_status
from cnn_study.sources.prepared import Prepared


def methods(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Terms and their explanations."""
    params = evidence.params
    training = params.training
    recipe = training.recipe
    budgets = listed([str(budget) for budget in sorted(training.budgets)])
    unnamed = [
        name for name in params.architectures if all(name not in s.members for s in params.studies.values())
    ]
    own = [
        with_status(name, evidence.summaries, params.studies)
        for name, own_training in params.trainings.items()
        if own_training != training
    ]
    shorter = [
        f"{with_status(name, evidence.summaries, params.studies)} ({counted(max(own_training.budgets), 'epoch')})"
        for name, own_training in params.trainings.items()
        if max(own_training.budgets) != max(training.budgets)
    ]
    return (
        (
            "Data",
            f"{capitalized(images_in_words(params.data.dataset, evidence.prepared))}: "
            f"{_splits(evidence.prepared)}. Rates are chosen and training is watched with the validation images. "
            "The test images are read by the stage evaluate alone.",
        ),
        (
            "Training",
            f"{recipe.optimizer}, {budgets} epochs, batches of {recipe.batch_size}, schedule "
            f"{recipe.schedule}, label smoothing {recipe.label_smoothing:g}, the same for all networks but for "
            f"what params.yaml overrides; seeds {', '.join(map(str, training.seeds))}. A network is collapsed if "
            "chance, which is the share of the largest class, explains its validation accuracy (99.9 % binomial "
            "interval), diverged if its loss was not "
            "finite; neither is ranked.",
        ),
        ("Learning rates", search_in_words(params)),
        (
            "Comparisons",
            "Paired by seed and by test image, with the variance of Obuchowski and Rockette (1995): seeds are "
            "their readers, test images their cases. The interval is Student's, with Satterthwaite's degrees of "
            "freedom for the variance between seeds and that of the choice of test images; Holm's correction at "
            "5 % within a study, and within the pairs that the report's claims are about, so that a pair can be "
            "told apart in one of these and not in the other. The intervals of single accuracies are Student's "
            "over seeds.",
        ),
        (
            "Receptive fields",
            "Theoretical: by the closed form over kernels and strides; the stage profile has confirmed it by the "
            "extent of the gradient. Effective: the gradient of a layer's "
            f"central unit, its mean size over {params.evaluate.images} test images (Luo et al., 2016, arXiv "
            "1701.04128).",
        ),
        (
            "Gradients",
            "Euclidean norm of each layer's weight gradient: the mean over evenly spaced steps of each epoch, and "
            "over seeds. Where an output layer begins with zeros, all other gradients of the first step are zero.",
        ),
        (
            "Clocks",
            "Training time is that of the training steps alone, on the machine and in the environment that "
            "metrics/environment.json names; other work on the machine adds to it.",
        ),
        *((("Recipes of their own", ", ".join(own)),) if own else ()),
        *(
            (
                (
                    "Largest budgets of their own",
                    f"{', '.join(shorter)}. Rankings have each network at its largest budget; two networks are "
                    "compared at the largest that both have.",
                ),
            )
            if shorter
            else ()
        ),
        *((("In no study", ", ".join(unnamed)),) if unnamed else ()),
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
    ranges = listed([f"{rates[0]:g} to {rates[-1]:g} ({optimizer})" for optimizer, rates in first.items()])
    return (
        f"For each network one run of {counted(search.epochs, 'epoch')} on at most {search.images:,} images with "
        f"each of several rates, a factor of {search.factor:g} apart: first from {ranges}, then up to "
        f"{search.beyond} more, below the lowest while that is chosen and above the highest while that is the "
        "best; where none trains, below the lowest if any diverged, else on both sides in turns. Chosen is the "
        f"lowest whose validation accuracy is within one standard error of the best. {given}"
    )
