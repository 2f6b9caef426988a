"""What is said when the embedded PostgreSQL cannot do what was asked."""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot do what was asked; the first line says why and what to do."""


def tail(text: str, lines: int = 3) -> str:
    """The end of a program's output, on one line."""
    return " | ".join(line.strip() for line in text.strip().splitlines()[-lines:]) or "no output"
