"""`InvocationRetryPolicy`, where `restate.retry_policy` has it."""

from pgdurable_sdk.retry import InvocationRetryPolicy as InvocationRetryPolicy
