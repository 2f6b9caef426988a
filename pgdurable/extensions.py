"""For libraries that work inside handlers, as `restate.extensions`."""

from pgdurable_sdk.extensions import *
