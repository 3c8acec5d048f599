"""Filters of lists: a column with few values, which are known."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqladmin.filters import StaticValuesFilter
from sqlalchemy.orm import InstrumentedAttribute


def choice(column: InstrumentedAttribute[Any], values: type[StrEnum] | Iterable[str]) -> StaticValuesFilter:
    """Return a filter of a text column by one of its values."""
    return StaticValuesFilter(column, [(str(value), str(value)) for value in values], title=column.key)
