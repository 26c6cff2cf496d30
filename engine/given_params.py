"""params.yaml as a study on Ray began with it, and what its tasks read of it."""

from dataclasses import dataclass
from typing import Any

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.params.study import Params, validate


@dataclass(frozen=True)
class GivenParams:
    """params.yaml, as it stood when the study began: its bytes, what they say, and what that means."""

    text: bytes
    content: dict[str, Any]
    params: Params

    @classmethod
    def read(cls) -> "GivenParams":
        """Raises StudyError."""
        text, content = PARAMS.read_bytes(), read_yaml()
        return cls(text, content, validate(content))

    def check_unchanged(self, name: str) -> None:
        """Raises StudyError if params.yaml now says something else to the tasks of this architecture."""
        # Read anew only where needed, since it takes seconds for hundreds of architectures.
        now = self.content if PARAMS.read_bytes() == self.text else read_yaml()
        if read_by_tasks(name, now) != read_by_tasks(name, self.content):
            raise StudyError(f"{PARAMS}: changed while the study ran; the same command goes on with what it says")


def read_by_tasks(name: str, content: dict[str, Any]) -> list[Any]:
    """What the tasks of an architecture read of ``content``, params.yaml."""
    return [content.get(part) for part in ("training", "tune", "replay", "evaluate")] + [
        content["architectures"].get(name)
    ]
