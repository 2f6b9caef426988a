"""`Service`, where `restate.service` has it."""

from pgdurable_sdk.service import Service as Service
