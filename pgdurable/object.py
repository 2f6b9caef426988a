"""`VirtualObject`, where `restate.object` has it."""

from pgdurable_sdk.service import VirtualObject as VirtualObject
