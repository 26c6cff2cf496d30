"""How far the study is, and how long the rest of it takes."""

from collections.abc import Collection, Mapping

# What of the plan a kind of stage has taken when its own measurements count for more than those of all: a download
# says little of hours of training.
TRUST, LEAST_SECONDS = 0.05, 30.0


class TimeLeft:
    """What is left of a plan of stages, in seconds: estimates, corrected by what stages have taken.

    Stages of a kind share a correction, as ``train@a`` and ``train@b``; as long as few have been measured, it is
    near that of all stages.
    """

    def __init__(self, estimates: Mapping[str, float]) -> None:
        self._estimates = dict(estimates)
        self._trust = max(TRUST * sum(estimates.values()), LEAST_SECONDS)
        self._left = set(estimates)
        self._done = 0
        self._running: tuple[str, float] | None = None
        self._taken: dict[str, tuple[float, float]] = {}  # by kind: seconds, and as they were estimated

    def begins(self, stage: str, now: float) -> str:
        """Its place and what is left, in words. ``now``: of a clock, in seconds."""
        self._end(now)
        self._left.add(stage)
        self._running = stage, now
        self._done += 1
        kind, _, name = stage.partition("@")
        place = f"[{self._done}/{self._done - 1 + len(self._left)}] {kind} {name}".rstrip()
        return f"{place} · {in_words(self.seconds)} left"

    def drop(self, stage: str) -> None:
        """``stage`` does not have to run."""
        if self._running is None or stage != self._running[0]:
            self._left.discard(stage)

    def keep(self, stages: Collection[str], now: float) -> None:
        """No other stages than these have to run any more."""
        self._end(now)
        self._left &= set(stages)

    @property
    def seconds(self) -> float:
        """That what is left will take, the running stage from its beginning."""
        return sum(self._estimates.get(stage, 0.0) * self._correction(stage) for stage in self._left)

    def _end(self, now: float) -> None:
        """Note what the running stage has taken."""
        if self._running is not None:
            stage, began = self._running
            self._running = None
            self._left.discard(stage)
            kind = stage.partition("@")[0]
            seconds, estimated = self._taken.get(kind, (0.0, 0.0))
            self._taken[kind] = seconds + now - began, estimated + self._estimates.get(stage, 0.0)

    def _correction(self, stage: str) -> float:
        """What stages of its kind take, over their estimates."""
        of_all = _ratio([*self._taken.values(), (self._trust, self._trust)])
        of_kind = self._taken.get(stage.partition("@")[0], (0.0, 0.0))
        return _ratio([of_kind, (self._trust * of_all, self._trust)])


def _ratio(taken: Collection[tuple[float, float]]) -> float:
    return sum(seconds for seconds, _ in taken) / sum(estimated for _, estimated in taken)


def in_words(seconds: float) -> str:
    """``about 1 h 20 min``: as exactly as an estimate is worth."""
    if seconds < 90:
        return f"about {max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    minutes = 5 * round(minutes / 5)
    hours, rest = divmod(minutes, 60)
    return f"about {hours} h {rest} min" if rest else f"about {hours} h"
