"""Baselines of creators, requests by handle, and measurements that are saved before a model is asked.

Revision ID: 0004_facts_first
Revises: 0003_billing
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0004_facts_first"
down_revision = "0003_billing"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    _run("up")


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
