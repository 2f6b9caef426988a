"""The admin application: every resource under its own path, with and without the prefix of an API version.

Restate's tools ask for `/version` first and then put the newest prefix that both sides know before every
path. Without a prefix the API is the newest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from pgdurable.store.errors import StoreError
from pgdurable_admin.admin import MAX_VERSION, MIN_VERSION
from pgdurable_admin.errors import AdminError, from_admin, from_body, from_fault, from_http, from_store
from pgdurable_admin.routes import invocations, services
from pgdurable_admin.routes.meta import health, version

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from pgdurable_admin.admin import Admin

__all__ = ["create_app"]

ROUTES: Final[list[ControllerRouterHandler]] = [
    health,
    version,
    invocations.change,
    invocations.change_by_mode,
    services.read_state,
    services.replace_state,
    services.modify_state,
    services.read_promise,
    services.complete_promise,
]


def create_app(admin: Admin) -> Litestar:
    prefixes = [f"/v{number}" for number in range(MIN_VERSION, MAX_VERSION + 1)]
    return Litestar(
        route_handlers=[*ROUTES, *(Router(path=prefix, route_handlers=ROUTES) for prefix in prefixes)],
        exception_handlers={
            AdminError: from_admin,
            StoreError: from_store,
            HTTPException: from_http,
            UnicodeDecodeError: from_body,
            RecursionError: from_body,
            Exception: from_fault,
        },
        state=State({"admin": admin}),
        openapi_config=None,
        logging_config=None,
    )
