"""How templates show values: escaped, isolated from the direction of the text around, and linked where they are ids."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import jinja2
from markupsafe import Markup, escape
from sqladmin.templating import Jinja2Templates
from starlette.requests import Request

from . import charts
from .actions import NOTICES
from .forms import TOKEN_FIELD

_MAX_LIST_CHARS = 80
_ID_CHARS = 8
_NOTHING = "–"  # noqa: RUF001 - a dash, as in a table
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
"""Control characters, format characters such as overrides of the direction, and halves of surrogate pairs."""
_KEPT = "\n\t\r\u200c\u200d"
"""Breaks, and the joiners that emoji and several scripts need."""
_VIEW_OF_COLUMN: Mapping[str, str] = {
    "user_id": "user",
    "admin_id": "user",
    "plan_id": "plan",
    "downgrade_to_plan_id": "plan",
    "change_to_plan_id": "plan",
    "payment_id": "payment",
    "analysis_request_id": "post-analysis-request",
    "post_id": "post",
}
"""The view that shows the row to which a column refers."""


def install_rendering(templates: Jinja2Templates, *, views: Sequence[Any], prefix: str, stylesheet: str) -> None:
    """Add the filters and values that our templates use."""
    environment = templates.env
    environment.undefined = jinja2.StrictUndefined
    environment.filters |= {"brief": brief, "full": full, "spaced": _spaced}
    environment.globals |= {
        "admin_url": f"{prefix}/admin",
        "stylesheet": f"{prefix}{stylesheet}",
        "menu": _menu(views),
        "notices": NOTICES,
        "token_field": TOKEN_FIELD,
        "view_of_column": _VIEW_OF_COLUMN,
        "chart_size": (charts.WIDTH, charts.HEIGHT, charts.LEFT),
        "with_query": _with_query,
    }


def brief(value: object, *, is_id: bool = False) -> Markup:
    """Return a value as a list shows it: on one line, and shortened."""
    text = " ".join(_text(value).split())
    if is_id:
        return Markup("<code title='{}'>{}</code>").format(text, text[:_ID_CHARS])
    if len(text) > _MAX_LIST_CHARS:
        return Markup("<bdi title='{}'>{}…</bdi>").format(text[: 10 * _MAX_LIST_CHARS], text[:_MAX_LIST_CHARS])
    return Markup("<bdi>{}</bdi>").format(text)


def full(value: object) -> Markup:
    """Return a value as a details page shows it: complete, with its line breaks."""
    tag = "pre" if isinstance(value, dict | list) or (isinstance(value, str) and "\n" in value) else "bdi"
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), _text(value))  # noqa: S704 - one of two names above


def _text(value: object) -> str:
    match value:
        case None | "":
            return _NOTHING
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case Decimal():
            return f"{value.normalize():f}"
        case dict() | list():
            return _visible(json.dumps(value, ensure_ascii=False, indent=1, default=str))
        case _:
            return _visible(str(value))


def _visible(text: str) -> str:
    """Return the text with a name in place of each character that is invisible or changes the direction of others."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_named, text))


def _named(character: str) -> str:
    is_invisible = unicodedata.category(character) in _INVISIBLE and character not in _KEPT
    return f"⟨U+{ord(character):04X}⟩" if is_invisible else character


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _with_query(request: Request, **values: object) -> Markup:
    """Return the query of the address with other values; None removes one."""
    changed = request.url.remove_query_params([name for name, value in values.items() if value is None])
    changed = changed.include_query_params(**{name: value for name, value in values.items() if value is not None})
    return escape(f"?{changed.query}")


def _menu(views: Sequence[Any]) -> dict[str, list[Any]]:
    menu: dict[str, list[Any]] = {}
    for view in views:
        menu.setdefault(view.category, []).append(view)
    return menu
