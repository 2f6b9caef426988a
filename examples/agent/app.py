"""An assistant that plans trips: what is served."""

import pgdurable

from .assistant import assistant

app = pgdurable.app([assistant])
