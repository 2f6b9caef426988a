"""Values to bytes and back, as `restate.serde`."""

from pgdurable_sdk.serde import *
