"""A shop: what is served together."""

import pgdurable

from .checkout import checkout
from .shipping import parcel
from .stock import stock

app = pgdurable.app([checkout, stock, parcel])
