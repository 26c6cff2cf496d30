"""Parameters as frozen models, and every mistake in them as one line."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

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
            keys = [field.alias or name for name, field in cls.model_fields.items()]
            raise ValidationError.from_exception_data(
                error.title,
                [
                    InitErrorDetails(
                        type=mistake(explained(detail, keys)), loc=detail["loc"], input=detail["input"]
                    )
                    for detail in _own(error)
                ],
            ) from None

    def updated(self: M, part: "Model") -> M:
        """A copy with the fields that ``part`` sets, those of models within it one by one."""
        changes = {name: getattr(part, name) for name in part.model_fields_set}
        for name, new in changes.items():
            if isinstance(new, Model):
                changes[name] = getattr(self, name).updated(new)
        return self.model_copy(update=changes)


class Mistake(NamedTuple):
    """One that a user made: under which keys of params.yaml, and what was found there and is allowed."""

    keys: tuple[str | int, ...]
    text: str


def mistake(text: str) -> PydanticCustomError:
    """The error for a validator to raise: ``text`` says what was found and what is allowed."""
    return PydanticCustomError("mistake", "{text}", {"text": text})


class EachOnce:
    """For a list in which nothing may stand twice."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"uniqueItems": True}

    @staticmethod
    def _check(values: tuple[T, ...]) -> tuple[T, ...]:
        if len(set(values)) < len(values):
            raise mistake(f"{found(list(values))}, allowed: each once")
        return values


@dataclass(frozen=True)
class OneOf:
    """For one of ``words`` that are known only where the program runs; else ``Literal`` says it."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.literal_schema(list(self.words))


def or_word(word: str) -> WrapValidator:
    """For ``Literal[word] | KIND``: one message for both."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            *_, of_kind = error.errors()
            raise mistake(f"{explained(of_kind, [])}, or {word}") from None

    return WrapValidator(check)


def attempt(kind: type[T], value: Any) -> tuple[T | None, list[Mistake]]:
    """``value`` as a ``kind`` and no mistakes, or None and all mistakes in it."""
    try:
        return TypeAdapter(kind).validate_python(value), []
    except ValidationError as error:
        return None, [Mistake(_keys(detail), explained(detail, [])) for detail in _own(error)]


def parse(kind: type[T], value: Any, *keys: str | int) -> T:
    """``value``, which stands under ``keys`` in params.yaml, as a ``kind``.

    Raises StudyError with one line for each mistake: file, full key, what was found, what is allowed.
    """
    parsed, mistakes = attempt(kind, value)
    if parsed is None:
        raise as_error(Mistake((*keys, *one.keys), one.text) for one in mistakes)
    return parsed


def as_error(mistakes: Iterable[Mistake]) -> StudyError:
    """The error that says all of them, one line each."""
    return StudyError("\n".join(f"{PARAMS}: {dotted(keys)}: {text}" for keys, text in mistakes))


def _keys(detail: ErrorDetails) -> tuple[str | int, ...]:
    """Those of the file, without pydantic's own."""
    return tuple(key for key in detail["loc"] if key != "[key]" and not str(key).startswith("tag:"))


def _own(error: ValidationError) -> list[ErrorDetails]:
    """The mistakes of the user. A list with a mistake in it is also "too short" to pydantic: left out."""

    def follows(detail: ErrorDetails) -> bool:
        return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]

    return [detail for detail in error.errors() if not follows(detail)]
