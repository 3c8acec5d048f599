"""A pipeline that survives: what calls may cost, what providers bear, and what a retry goes on with.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-25
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    for part in ("tables", "security"):
        _run(part)


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
