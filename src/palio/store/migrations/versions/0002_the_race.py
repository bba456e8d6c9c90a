"""The race: who holds an attempt, its model, hedges, one winner a job; records; operators"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("model", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("hedge", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("holder", sa.Text(), nullable=False, server_default=""))
        batch_op.create_index(
            "ix_attempts_winner",
            ["job_id"],
            unique=True,
            sqlite_where=sa.text("status = 'succeeded'"),
            postgresql_where=sa.text("status = 'succeeded'"),
        )
    op.create_table(
        "records",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "model", name=op.f("pk_records")),
    )
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("operator", sa.Boolean(), nullable=False, server_default=sa.false()))
    # The first token is the one that the first start left in the data folder, for whoever runs the server.
    op.execute(
        "UPDATE tokens SET operator = true WHERE created_at = (SELECT min(created_at) FROM tokens)"
        if op.get_bind().dialect.name == "postgresql"
        else "UPDATE tokens SET operator = 1 WHERE created_at = (SELECT min(created_at) FROM tokens)"
    )
