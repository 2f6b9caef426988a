"""The HTTP API that takes requests from outside, with Restate's paths, headers, bodies and status codes.

It knows the engine only as `port.Engine`. `app.create_app` makes the ASGI application, `server.IngressServer`
runs it on Granian in the caller's event loop. Neither is imported here: processes that serve no HTTP use some
of these modules, too.
"""
