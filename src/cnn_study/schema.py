"""Parameters as frozen models, and every mistake in them as one line."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
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
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PARAMS = Path("params.yaml")
NAME = r"^[a-z][a-z0-9_]*$"  # names become folders and DVC stages

T = TypeVar("T")
M = TypeVar("M", bound="Model")

_ALLOWED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of ordinary size",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "at least {min_length} character",
    "layer": "exactly one of conv, pool and residual, as in {{conv: 32, kernel: 3}}",
    "string_pattern_mismatch": "a name of small letters, digits and _ that begins with a letter",
}


class StudyError(Exception):
    """Something that the user can mend. Its text is one line for each mistake."""


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
                        type=mistake(_explained(detail, list(cls.model_fields))),
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
            raise mistake(f"{_explained(error.errors()[0], [])}, or {word}") from None

    return WrapValidator(check)


def found(value: Any) -> str:
    """``found VALUE``, shortened to fit into a line."""
    text = " ".join(repr(value).split())
    return "found " + (text if len(text) <= 60 else text[:57] + "...")


def nearest(word: object, known: Iterable[object]) -> str:
    """``; did you mean 'x'?`` for the known word most like ``word``, or nothing."""
    match = difflib.get_close_matches(str(word), [str(one) for one in known], n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def read_yaml(path: Path = PARAMS) -> dict[str, Any]:
    """The mapping in ``path``, read as DVC reads it (ruamel.yaml, YAML 1.2, duplicate keys refused).

    Raises StudyError if the file is missing, is not YAML or holds something else.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not found, allowed: a run in the project's own folder") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: found byte {error.start} that is not UTF-8 text") from None
    except (YAMLError, ValueError) as error:
        reason = str(error).split("To suppress this check")[0]
        raise StudyError(f"{path}: found no valid YAML: {' '.join(reason.split())}") from None
    if not isinstance(content, dict):
        raise StudyError(f"{path}: {found(content)}, allowed: a mapping of sections")
    return content


def section(content: Mapping[str, Any], *keys: str) -> Any:
    """The value under ``keys``. Raises StudyError that names the first missing one."""
    value: Any = content
    for depth, key in enumerate(keys):
        if not isinstance(value, Mapping) or key not in value:
            known = [str(k) for k in value] if isinstance(value, Mapping) else []
            raise StudyError(
                f"{PARAMS}: {'.'.join(keys[: depth + 1])}: not found, allowed here: "
                f"{', '.join(known) or 'a mapping'}{nearest(key, known)}"
            )
        value = value[key]
    return value


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
        "\n".join(f"{PARAMS}: {dotted((*keys, *one['loc']))}: {_explained(one, [])}" for one in mistakes)
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


def _explained(detail: ErrorDetails, known: Sequence[str]) -> str:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "mistake":
        return str(context["text"])
    key = detail["loc"][-1] if detail["loc"] else ""
    if kind == "extra_forbidden":
        return f"unknown key, allowed here: {', '.join(known)}{nearest(key, known)}"
    if kind == "missing":
        return "not found, but needed"
    allowed = _ALLOWED.get(kind)
    return f"{found(detail['input'])}, allowed: {allowed.format(**context) if allowed else detail['msg']}"


def dotted(keys: Sequence[str | int]) -> str:
    """Keys as one path, ``layers[0].kernel``."""
    text = ""
    for key in keys:
        if key == "[key]" or str(key).startswith("tag:"):  # pydantic's own, no key of the file
            continue
        name = str(key) if str(key).isprintable() else repr(key)
        text += f"[{key}]" if isinstance(key, int) else f".{name}" if text else name
    return text or "the whole file"
