"""The suggestions of analyses as rows, which users follow up.

Revision ID: 0012_suggestions
Revises: 0011_admin_actions
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0012_suggestions"
down_revision = "0011_admin_actions"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    _run("up")


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
