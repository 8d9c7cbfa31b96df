"""What the day's result is counted from: more than its equity, so that a transfer is no loss."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rows of an older release have none."""
    op.execute("ALTER TABLE baselines ADD COLUMN payload jsonb;")


def downgrade() -> None:
    """The equity alone is left."""
    op.execute("ALTER TABLE baselines DROP COLUMN payload;")
