"""The finished theatre: what is served together."""

import pgdurable

from .cart import cart
from .checkout import checkout
from .ticket import ticket

app = pgdurable.app([cart, ticket, checkout])
