"""`Workflow`, where `restate.workflow` has it."""

from pgdurable_sdk.service import Workflow as Workflow
