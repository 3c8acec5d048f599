import pytest

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.http.status_categories import category_of_status, is_transient_status


@pytest.mark.parametrize(
    ("status", "category", "is_transient"),
    [
        (400, ErrorCategory.PROVIDER_ERROR, False),
        (401, ErrorCategory.AUTH, False),
        (402, ErrorCategory.AUTH, False),
        (403, ErrorCategory.AUTH, False),
        (404, ErrorCategory.PROVIDER_ERROR, False),
        (429, ErrorCategory.RATE_LIMIT, True),
        (499, ErrorCategory.PROVIDER_ERROR, False),
        (500, ErrorCategory.PROVIDER_ERROR, True),
        (544, ErrorCategory.PROVIDER_ERROR, True),
    ],
)
def test_every_error_status_has_a_category(status: int, category: ErrorCategory, *, is_transient: bool) -> None:
    assert (category_of_status(status), is_transient_status(status)) == (category, is_transient)


def test_an_override_replaces_the_category_of_its_status_only() -> None:
    overrides = {404: ErrorCategory.NOT_FOUND}

    assert category_of_status(404, overrides) is ErrorCategory.NOT_FOUND
    assert category_of_status(403, overrides) is ErrorCategory.AUTH
