"""Food to the door: what is served together."""

import pgdurable

from .delivery import dispatcher, driver
from .order import orders

app = pgdurable.app([orders, dispatcher, driver])
