"""Alembic's migrations of the notifier's tables. A new one: a module in `versions` that names its predecessor."""
