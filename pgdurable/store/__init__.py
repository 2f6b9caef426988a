"""Everything that talks to PostgreSQL: one small class or module per concern."""
