"""pgdurable: durable execution whose only server is your PostgreSQL.

What handlers are written with comes from `pgdurable_sdk`; ``app`` says what is served together. Restate's
Python SDK has the same names in the same places, so a service moves over by a change of its imports.
"""

# Restate's modules by their names, two of which hide others, but only here.
from pgdurable import asyncio as asyncio
from pgdurable import context as context
from pgdurable import endpoint as endpoint
from pgdurable import exceptions as exceptions
from pgdurable import extensions as extensions
from pgdurable import handler as handler
from pgdurable import logging as logging
from pgdurable import object as object
from pgdurable import retry_policy as retry_policy
from pgdurable import serde as serde
from pgdurable import service as service
from pgdurable import workflow as workflow
from pgdurable.__about__ import __version__
from pgdurable.loader import App, app
from pgdurable_sdk import (
    CallFuture,
    Cancelled,
    CodecError,
    Context,
    DefinitionError,
    DurableFuture,
    DurablePromise,
    InvocationRetryPolicy,
    JournalValueCodec,
    JournalValueCodecProvider,
    ObjectContext,
    ObjectSharedContext,
    Request,
    RestateDurableCallFuture,
    RestateDurableFuture,
    RestateDurableSleepFuture,
    RestateLoggingFilter,
    RetryableError,
    RunOptions,
    SdkInternalBaseException,
    SendHandle,
    SerdeError,
    Service,
    SleepFuture,
    SuspendedException,
    SyncContext,
    SyncFuture,
    SyncPromise,
    SyncSendHandle,
    TerminalError,
    UsageError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
    all_settled,
    all_succeeded,
    any_succeeded,
    as_completed,
    gather,
    getLogger,
    is_internal_exception,
    race,
    select,
    wait_completed,
)

__all__ = [
    "App",
    "CallFuture",
    "Cancelled",
    "CodecError",
    "Context",
    "DefinitionError",
    "DurableFuture",
    "DurablePromise",
    "InvocationRetryPolicy",
    "JournalValueCodec",
    "JournalValueCodecProvider",
    "ObjectContext",
    "ObjectSharedContext",
    "Request",
    "RestateDurableCallFuture",
    "RestateDurableFuture",
    "RestateDurableSleepFuture",
    "RestateLoggingFilter",
    "RetryableError",
    "RunOptions",
    "SdkInternalBaseException",
    "SendHandle",
    "SerdeError",
    "Service",
    "SleepFuture",
    "SuspendedException",
    "SyncContext",
    "SyncFuture",
    "SyncPromise",
    "SyncSendHandle",
    "TerminalError",
    "UsageError",
    "VirtualObject",
    "Workflow",
    "WorkflowContext",
    "WorkflowSharedContext",
    "__version__",
    "all_settled",
    "all_succeeded",
    "any_succeeded",
    "app",
    "as_completed",
    "gather",
    "getLogger",
    "is_internal_exception",
    "race",
    "select",
    "wait_completed",
]
