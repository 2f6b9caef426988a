"""What may change or go without notice, as `restate._preview`."""

from pgdurable_sdk.preview import explicit_recovery

__all__ = ["explicit_recovery"]
