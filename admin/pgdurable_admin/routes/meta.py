"""`/health` and `/version`: is it there, and what does it speak."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, get
from litestar.datastructures import State

from pgdurable.__about__ import __version__
from pgdurable.store.errors import StoreError
from pgdurable_admin.admin import MAX_VERSION, MIN_VERSION, admin_of
from pgdurable_admin.errors import AdminError

__all__ = ["health", "version"]

FEATURES: dict[str, bool] = {}  # of Restate's, for example vqueues: none yet


@get("/health", media_type=MediaType.TEXT)
async def health(state: State) -> None:
    """200 without a body, 503 when the database does not answer."""
    try:
        await admin_of(state).database.rows("admin_ping")
    except StoreError as error:
        raise AdminError(503, f"the database does not answer: {error}") from error


@get("/version", sync_to_thread=False)
def version(state: State) -> dict[str, Any]:
    """What Restate's tools ask for first."""
    answer: dict[str, Any] = {
        "version": __version__,
        "min_admin_api_version": MIN_VERSION,
        "max_admin_api_version": MAX_VERSION,
        "features": FEATURES,
    }
    if (ingress := admin_of(state).ingress_url) is not None:
        answer["ingress_endpoint"] = ingress
    return answer
