"""The learning rate over a run: warm-up, constant, cooldown (Hägele et al., 2024, arXiv 2405.18392).

The constant part is a trunk that all budgets of a seed share. Each budget, a number of epochs, leaves it at a
whole step and cools down on a branch of its own: what the trunk costs is paid once.
"""

from dataclasses import dataclass

from cnn_study.training.recipe import Recipe


@dataclass(frozen=True)
class Schedule:
    """Of runs whose epochs have so many ``steps``: how many of them warm up, and the share that cools down."""

    steps: int
    warmup: int
    cooldown: float

    @classmethod
    def of(cls, recipe: Recipe, steps: int) -> "Schedule":
        """The recipe's."""
        return cls(steps, round(recipe.warmup * steps), 0.0 if recipe.schedule == "constant" else recipe.cooldown)

    def end(self, budget: int) -> int:
        """The step at which a run of ``budget`` epochs has come to its end."""
        return budget * self.steps

    def branch(self, budget: int) -> int:
        """The step at which such a run leaves the trunk; its end without a cooldown, where it is a snapshot."""
        return self.end(budget) - round(self.cooldown * self.end(budget))

    def share(self, step: int, budget: int | None = None) -> float:
        """The share of the peak learning rate in ``step``, on the trunk or on the branch of ``budget``.

        Up from 0 in a straight line during warm-up, and down to 0 during cooldown; that of a step's middle.
        """
        middle = step + 0.5
        if budget is not None and step >= self.branch(budget):
            return (self.end(budget) - middle) / (self.end(budget) - self.branch(budget))
        return min(1.0, middle / self.warmup) if self.warmup else 1.0
