"""Agents of LangChain in handlers. Needs the extra ``pgdurable[langchain]``."""

from pgdurable.ext.current import restate_context, restate_object_context
from pgdurable.ext.extras import needs

with needs("langchain", "langchain_core", "pydantic", extra="langchain"):
    from pgdurable.ext.langchain.middleware import RestateMiddleware

__all__ = ["RestateMiddleware", "restate_context", "restate_object_context"]
