"""Alembic's migrations of the ledger's tables. A new one: a module in `versions` that names its predecessor."""
