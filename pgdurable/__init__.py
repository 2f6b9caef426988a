"""pgdurable: durable execution whose only server is your PostgreSQL."""
