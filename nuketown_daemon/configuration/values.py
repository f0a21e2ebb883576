"""What keys of several files hold: paths, accounts, hosts, numbers, lines of text. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from nuketown_approval.configuration.values import (
    CONTROL,
    STRICT,
    AbsolutePath,
    BareJid,
    HostName,
    Whole,
    absolute,
    is_loopback,
    number,
)


def _line(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError("must be one line without control characters")
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: fill it, or take the key out")
    return value


Line = Annotated[str, AfterValidator(_line)]
"""One line of text, or none."""
Word = Annotated[str, AfterValidator(_line), AfterValidator(_filled)]
"""One line with something on it."""
Count = Annotated[Whole, Field(gt=0)]
Amount = Annotated[float, BeforeValidator(number), Field(gt=0, allow_inf_nan=False)]
"""Seconds or US dollars, more than none."""

__all__ = [
    "STRICT",
    "AbsolutePath",
    "Amount",
    "BareJid",
    "Count",
    "HostName",
    "Line",
    "Whole",
    "Word",
    "absolute",
    "is_loopback",
]
