"""What Alembic runs: the migrations, on the connection (and in the transaction) that `upgrade` hands over."""

from __future__ import annotations

from alembic import context

from holdfast.store._schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
