"""What administrators do in the admin panel.

Revision ID: 0011_admin_actions
Revises: 0010_outgoing_webhooks
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0011_admin_actions"
down_revision = "0010_outgoing_webhooks"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    _run("up")


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
