"""The HTTP API that takes requests from outside, with Restate's paths, headers, bodies and status codes.

It knows the engine only as `port.Engine`. `create_app` makes the ASGI application, `IngressServer` runs it on
Granian in the caller's event loop.
"""

from pgdurable.ingress.app import Ingress, create_app
from pgdurable.ingress.server import IngressServer

__all__ = ["Ingress", "IngressServer", "create_app"]
