"""Sign-in: sessions that have ended, e-mail codes under way, what happened, and the inbox of all webhooks.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-25
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
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
