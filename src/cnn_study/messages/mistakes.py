"""A mistake in params.yaml as one line: what was found there, and what is allowed."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import ErrorDetails

ALLOWED = {
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
    "string_pattern_mismatch": "a name of small letters, digits and _ that begins with a letter",
}


def found(value: Any) -> str:
    """``found VALUE``, shortened to fit into a line."""
    return "found " + one_line(repr(value), 60)


def one_line(text: str, longest: int = 200) -> str:
    """``text``, which may come from anywhere, so that it fits into a line and changes nothing about a terminal."""
    text = " ".join(text.split())
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= longest else text[: longest - 3] + "..."


def nearest(word: object, known: Iterable[object]) -> str:
    """``; did you mean 'x'?`` for the known word most like ``word``, or nothing."""
    match = difflib.get_close_matches(str(word), [str(one) for one in known], n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def explained(detail: ErrorDetails, known: Sequence[str]) -> str:
    """What was found and what is allowed, for a mistake that pydantic reports; ``known``: allowed keys."""
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "mistake":
        return str(context["text"])
    key = detail["loc"][-1] if detail["loc"] else ""
    if kind in ("extra_forbidden", "invalid_key"):
        return f"unknown key, allowed here: {', '.join(known)}{nearest(key, known)}"
    if kind == "missing":
        return "not found, but needed"
    allowed = ALLOWED.get(kind)
    return f"{found(detail['input'])}, allowed: {allowed.format(**context) if allowed else detail['msg']}"


def dotted(keys: Sequence[str | int]) -> str:
    """Keys as one path, ``layers[0].kernel``."""
    text = ""
    for key in keys:
        name = str(key) if str(key).isprintable() else repr(key)
        text += f"[{key}]" if isinstance(key, int) else f".{name}" if text else name
    return text or "the whole file"
