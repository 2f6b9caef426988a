"""Load from within: for what has no HTTP ingress, clients are tasks on the event loop of its process.

That favours it: no request is read from a socket, and no answer written to one. Only the standard library is
used here, as this runs in the environments of several peers.
"""

import asyncio
import json
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Result = dict[str, float]
Measure = Callable[[str, int, float], Awaitable[Result]]
"""Of a workload, so many clients, and seconds."""


async def closed_loop(request: Callable[[], Awaitable[bool]], clients: int, seconds: float) -> Result:
    """Keep ``clients`` requests under way; ``request`` says whether its answer was right.

    What is still under way at the end is waited for, and the time until then counts: requests that take
    longer than ``seconds`` would not be seen otherwise.
    """
    begun = time.perf_counter()
    end = begun + seconds
    latencies: list[float] = []
    errors = 0

    async def client() -> None:
        nonlocal errors
        while True:
            sent = time.perf_counter()
            try:
                good = await request()
            except Exception:  # noqa: BLE001 - whatever it is, it is no good answer
                traceback.print_exc()
                good = False
            if good:
                latencies.append(time.perf_counter() - sent)
            else:
                errors += 1
            if time.perf_counter() >= end:
                return

    await asyncio.gather(*(client() for _ in range(clients)))
    return summary(time.perf_counter() - begun, latencies, errors)


def summary(seconds: float, latencies: list[float], errors: int) -> Result:
    """As the suite reads it."""
    latencies.sort()

    def percentile(share: float) -> float:
        return latencies[min(int(len(latencies) * share), len(latencies) - 1)] * 1000 if latencies else 0.0

    return {
        "seconds": seconds,
        "good": len(latencies),
        "errors": errors,
        "p50_ms": percentile(0.5),
        "p99_ms": percentile(0.99),
    }


async def serve(port: int, measure: Measure) -> None:
    """Do what the suite asks over HTTP, for ever: a POST of workload, clients, seconds is a measurement."""
    loop = asyncio.get_running_loop()

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            measuring = measured(asked["workload"], asked["clients"], asked["seconds"])
            try:
                self._answer(200, asyncio.run_coroutine_threadsafe(measuring, loop).result())
            except Exception:  # noqa: BLE001 - it belongs into the log and into the answer
                traceback.print_exc()
                self._answer(500, {"error": traceback.format_exc()})

        def _answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the answer says it."""

    async def measured(workload: str, clients: int, seconds: float) -> Result:
        return await measure(workload, clients, seconds)

    server = ThreadingHTTPServer(("127.0.0.1", port), Asked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on {port}", file=sys.stderr)
    await asyncio.Event().wait()
