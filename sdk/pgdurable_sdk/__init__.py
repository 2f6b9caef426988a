"""What authors of handlers import: definitions, contexts, futures, errors.

Nothing here talks to a database or a network. The engine runs handlers through `pgdurable_sdk.runtime`, and
everything that decides how a handler is replayed is in `pgdurable_sdk.journal`.
"""

from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider
from pgdurable_sdk.context import (
    Context,
    DurablePromise,
    ObjectContext,
    ObjectSharedContext,
    Request,
    ScopedContext,
    WorkflowContext,
    WorkflowSharedContext,
)
from pgdurable_sdk.exceptions import (
    Cancelled,
    CodecError,
    DefinitionError,
    RetryableError,
    SdkInternalBaseException,
    SerdeError,
    SuspendedException,
    TerminalError,
    UsageError,
    is_internal_exception,
)
from pgdurable_sdk.futures import (
    CallFuture,
    DurableFuture,
    SendHandle,
    SleepFuture,
    all_settled,
    all_succeeded,
    any_succeeded,
    as_completed,
    gather,
    race,
    select,
    wait_completed,
)
from pgdurable_sdk.futures import CallFuture as RestateDurableCallFuture
from pgdurable_sdk.futures import DurableFuture as RestateDurableFuture
from pgdurable_sdk.futures import SleepFuture as RestateDurableSleepFuture
from pgdurable_sdk.logging import RestateLoggingFilter, getLogger
from pgdurable_sdk.retry import InvocationRetryPolicy
from pgdurable_sdk.run import RunOptions
from pgdurable_sdk.service import Service, VirtualObject, Workflow
from pgdurable_sdk.sync import (
    SyncContext,
    SyncFuture,
    SyncPromise,
    SyncScopedContext,
    SyncSendHandle,
)

__all__ = [
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
    "ScopedContext",
    "SdkInternalBaseException",
    "SendHandle",
    "SerdeError",
    "Service",
    "SleepFuture",
    "SuspendedException",
    "SyncContext",
    "SyncFuture",
    "SyncPromise",
    "SyncScopedContext",
    "SyncSendHandle",
    "TerminalError",
    "UsageError",
    "VirtualObject",
    "Workflow",
    "WorkflowContext",
    "WorkflowSharedContext",
    "all_settled",
    "all_succeeded",
    "any_succeeded",
    "as_completed",
    "gather",
    "getLogger",
    "is_internal_exception",
    "race",
    "select",
    "wait_completed",
]
