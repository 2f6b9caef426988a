"""Restate's name for a module: the types of its client."""

from pgdurable.client import HttpError, RestateClient, RestateClientSendHandle

__all__ = ["HttpError", "RestateClient", "RestateClientSendHandle"]
