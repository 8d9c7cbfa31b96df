"""Read by alembic: only SQL is written here, `migrate` runs it in its own transaction."""

from alembic import context

context.configure(dialect_name="postgresql+asyncpg", transactional_ddl=False)
context.run_migrations()
