"""The trace ids of requests and of vendor calls.

Revision ID: 0009_trace_ids
Revises: 0005_surfaces
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0009_trace_ids"
down_revision = "0005_surfaces"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    _run("trace_ids")


def downgrade() -> None:
    _run("trace_ids_down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
