"""Restate's name for a module: the types of its client."""

from pgdurable.client import HttpError, RestateClient, RestateClientSendHandle, RestateScopedClient

__all__ = ["HttpError", "RestateClient", "RestateClientSendHandle", "RestateScopedClient"]
