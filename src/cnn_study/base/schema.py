"""Parameters as frozen models, and every mistake in them as one line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS
from cnn_study.messages.mistakes import dotted, explained, found

NAME = r"^[a-z][a-z0-9_]*$"  # names become folders and DVC stages

T = TypeVar("T")
M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """A section of ``params.yaml``: immutable, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _explain_mistakes(cls: type[M], value: Any, handler: ModelWrapValidatorHandler[M]) -> M:
        # Here, and not where the error is printed, since only here the allowed keys are known.
        try:
            return handler(value)
        except ValidationError as error:
            raise ValidationError.from_exception_data(
                error.title,
                [
                    InitErrorDetails(
                        type=mistake(explained(detail, list(cls.model_fields))),
                        loc=detail["loc"],
                        input=detail["input"],
                    )
                    for detail in _own(error)
                ],
            ) from None


def mistake(text: str) -> PydanticCustomError:
    """The error for a validator to raise: ``text`` says what was found and what is allowed."""
    return PydanticCustomError("mistake", "{text}", {"text": text})


def each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    """For a list in which nothing may stand twice."""
    if len(set(values)) < len(values):
        raise mistake(f"{found(list(values))}, allowed: each once")
    return values


def or_word(word: str, kind: Any) -> WrapValidator:
    """Allows ``word`` beside what ``kind`` allows, with one message for both."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def check(value: Any, _: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, str) and value == word:
            return value
        try:
            return adapter.validate_python(value, strict=True)
        except ValidationError as error:
            raise mistake(f"{explained(error.errors()[0], [])}, or {word}") from None

    return WrapValidator(check)


def parse(kind: type[T], value: Any, *keys: str | int) -> T:
    """``value``, which stands under ``keys`` in params.yaml, as a ``kind``.

    Raises StudyError with one line for each mistake: file, full key, what was found, what is allowed.
    """
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise _told(_own(error), keys) from None


def check_part(kind: type[Any], value: Any, part: Any, *keys: str | int) -> None:
    """Like ``parse``, but for the mistakes in those keys of ``value`` that ``part`` has as well."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        mistakes = [detail for detail in _own(error) if _lies_in(detail["loc"], part)]
        if mistakes:
            raise _told(mistakes, keys) from None


def _told(mistakes: Iterable[ErrorDetails], keys: Sequence[str | int]) -> StudyError:
    return StudyError(
        "\n".join(f"{PARAMS}: {dotted((*keys, *one['loc']))}: {explained(one, [])}" for one in mistakes)
    )


def _lies_in(keys: Sequence[str | int], part: Any) -> bool:
    for key in keys:
        if not isinstance(part, Mapping):
            return True
        if key not in part:
            return False
        part = part[key]
    return True


def _own(error: ValidationError) -> list[ErrorDetails]:
    """The mistakes of the user. A list with a mistake in it is also "too short" to pydantic: left out."""

    def follows(detail: ErrorDetails) -> bool:
        return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]

    return [detail for detail in error.errors() if not follows(detail)]
