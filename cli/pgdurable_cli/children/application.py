"""The application of a plan, imported: what it is, and what is served of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgdurable.deployment import UNVERSIONED, Deployment
from pgdurable_cli.children.channel import Loaded, Plan, ServiceInfo, Start
from pgdurable_cli.serving import Endpoint, Serving, derived, load

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from pgdurable.loader import App, Definition

__all__ = ["Application", "own_files"]


class Application:
    """Raises Failure when it cannot be imported, or has no id as a deployment."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._app = load(plan.app) if plan.app else None
        self._deployment = deployment_of(plan, self._app)

    def loaded(self) -> Loaded:
        """What the parent should know."""
        if self._plan.app is None or self._app is None:
            return Loaded([], [])
        services = [describe(service) for service in self._app.services]
        id = self._deployment.id if self._deployment.versioned else None
        return Loaded(services, directories(self._plan.app), id)

    def serving(self, start: Start, listener: socket.socket | None) -> Serving:
        """Its worker, ingress and admin API, as far as they are planned."""
        plan, app = self._plan, self._app
        return Serving(
            start.dsn,
            start.listen_dsn,
            app.services if app and plan.worker else (),
            Endpoint(plan.host, plan.port, listener) if plan.port else None,
            Endpoint(plan.host, plan.admin_port) if plan.admin_port else None,
            codec=app.journal_value_codec if app else None,
            deployment=self._deployment,
        )


def deployment_of(plan: Plan, app: App | None) -> Deployment:
    if app is None or plan.unversioned or not plan.worker:
        return UNVERSIONED
    return derived(app) if plan.deployment is None else Deployment(plan.deployment)


def describe(service: Definition) -> ServiceInfo:
    return ServiceInfo(service.name, service.type.value, list(service.handlers))


def directories(app: str) -> list[str]:
    """Those of the application's own modules. Each is watched alone: a project may hold a whole `.venv`."""
    found = {str(path.parent) for path in own_files(sys.modules.values(), roots(app))}
    return sorted(found)


def roots(app: str) -> list[Path]:
    place = Path(app.partition(":")[0])
    here = Path.cwd().resolve()
    return [here, place.resolve().parent] if place.suffix == ".py" else [here]


def own_files(modules: Iterable[ModuleType], roots: Sequence[Path]) -> Iterable[Path]:
    """Files of modules below the roots that are neither installed packages nor pgdurable itself."""
    for module in list(modules):
        name, file = getattr(module, "__name__", ""), getattr(module, "__file__", None)
        if not file or name == "__main__" or name.partition(".")[0].startswith("pgdurable"):
            continue
        path = Path(file).resolve()
        if any(path.is_relative_to(root) for root in roots) and not installed(path):
            yield path


def installed(path: Path) -> bool:
    return "site-packages" in path.parts or path.is_relative_to(Path(sys.prefix).resolve())
