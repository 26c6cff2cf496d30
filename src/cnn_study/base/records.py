"""What a stage has found, as a typed record in a file of JSON: one class writes it and reads it back."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_json
from cnn_study.messages.mistakes import one_line


class Record(BaseModel):
    """A frozen result. Its fields are those of the file; None stands for what could not be measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def write(self, path: Path) -> None:
        """Write it as JSON, whole."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in ``path``. Raises StudyError if there is none, or another version's."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise StudyError(f"{path}: not found; `dvc repro` makes it") from None
        except ValidationError as error:
            raise StudyError(f"{path}: {first_mistake(error)}; `dvc repro` makes it again") from None


def first_mistake(error: ValidationError) -> str:
    """Where the first mistake is, and what it is, in one line whatever stands there."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "content"
    return one_line(f"{where}: {first['msg']}", 300)
