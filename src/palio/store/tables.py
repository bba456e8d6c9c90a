"""The tables. Alembic migrations build them; `tests/integration/store` holds the two against each other.

Columns are plain integers and texts, so that the same rows mean the same on SQLite and on Postgres: instants are
microseconds since 1970, JSON is text that Palio wrote itself.

A workflow's row has two owners that never write the same column. The orchestrator writes `status`, `state`,
`started_at` and `completed_at`; the owner's requests write `metadata`, `tags`, `step_metadata`,
`allow_mature_content`, `cancel_requested_at` and `deleted_at`. So neither can undo what the other did.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

HEAD = "0002"
"""The newest migration."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

workflows = Table(
    "workflows",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger),
    Column("status", Text, nullable=False),
    Column("external_id", Text),
    Column("ephemeral", Boolean, nullable=False),
    Column("whatif", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("step_metadata", Text, nullable=False),
    Column("allow_mature_content", Boolean),
    Column("search", Text, nullable=False),
    Column("cancel_requested_at", BigInteger),
    Column("deleted_at", BigInteger),
    Index("ix_workflows_account_created", "account", "created_at", "id"),
)
Index(
    "ix_workflows_external_id",
    workflows.c.account,
    workflows.c.external_id,
    unique=True,
    sqlite_where=workflows.c.external_id.is_not(None),
    postgresql_where=workflows.c.external_id.is_not(None),
)
Index(
    "ix_workflows_unfinished",
    workflows.c.created_at,
    sqlite_where=workflows.c.completed_at.is_(None),
    postgresql_where=workflows.c.completed_at.is_(None),
)

workflow_tags = Table(
    "workflow_tags",
    metadata,
    Column("workflow_id", Text, ForeignKey("workflows.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workflow_id", Text, ForeignKey("workflows.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("job_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False, server_default=""),
    Column("fence", Integer, nullable=False),
    Column("hedge", Boolean, nullable=False, server_default=false()),
    Column("status", Text, nullable=False),
    Column("handle", Text),
    # The process that reports on the attempt, and until when its claim keeps others away unless it is renewed.
    Column("holder", Text, nullable=False, server_default=""),
    Column("lease_until", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger),
    Column("error", Text),
    Column("detail", Text),
    Column("quoted", Float),
    Column("settled", Float),
    # Who inserts a job's next fence has claimed it: this is the one compare-and-set of the race.
    UniqueConstraint("job_id", "fence"),
)
# Whatever races, a job has one winner.
_WON = attempts.c.status == literal_column("'succeeded'")
Index("ix_attempts_winner", attempts.c.job_id, unique=True, sqlite_where=_WON, postgresql_where=_WON)

blobs = Table(
    "blobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("workflow_id", Text, index=True),
    Column("job_id", Text),
    Column("media_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("nsfw_level", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("data", LargeBinary),
)

records = Table(
    "records",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("data", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("operator", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
