"""Agents of Google's Agent Development Kit in handlers. Needs the extra ``pgdurable[adk]``."""

from pgdurable.ext.current import restate_context, restate_object_context
from pgdurable.ext.extras import needs

with needs("google.adk", "google.genai", "pydantic", extra="adk"):
    from pgdurable.ext.adk.plugin import RestatePlugin
    from pgdurable.ext.adk.session import RestateSessionService
    from pgdurable.ext.adk.summarizer import RestateEventSummarizer

__all__ = [
    "RestateEventSummarizer",
    "RestatePlugin",
    "RestateSessionService",
    "restate_context",
    "restate_object_context",
]
