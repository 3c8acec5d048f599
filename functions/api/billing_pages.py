"""The two pages to which the payment provider sends customers: plain HTML without scripts, styles or parameters.

They say nothing about the payment, because its result arrives by webhook, and they ignore what the address contains.
"""

from html import escape

PAGE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SUCCESS_PAGE = (
    "Thank you",
    "Your payment is being confirmed. Your new plan is active as soon as it is, usually within a minute.",
)
CANCEL_PAGE = ("Nothing was bought", "You left the checkout. Your plan has not changed, and nothing was charged.")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>whyviral: {title}</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
<p><a href="{frontend_url}">Back to whyviral</a></p>
</body>
</html>
"""


def render_page(page: tuple[str, str], *, frontend_url: str) -> str:
    """Return a page, given by title and text, with a link to the frontend."""
    title, text = page
    return _PAGE.format(title=escape(title), text=escape(text), frontend_url=escape(frontend_url))
