"""Share links.

Revision ID: 0005_surfaces
Revises: 0004_facts_first
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0005_surfaces"
down_revision = "0004_facts_first"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    for part in ("share_links",):
        _run(part)


def downgrade() -> None:
    for part in ("share_links_down",):
        _run(part)


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
