"""Stands in for curl where there is none, or one from before 2022, which has no `--json`. Knows what the
documentation uses.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import httpx


@cache
def curl_is_here() -> bool:
    """Whether this machine's own will do."""
    try:
        told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    version = re.match(r"curl (\d+)\.(\d+)", told)
    return version is not None and (int(version[1]), int(version[2])) >= (7, 82)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--json")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-s", dest="silent", action="store_true")
    parser.add_argument("-f", dest="fail", action="store_true")
    parser.add_argument("-o", dest="output", type=Path)
    parser.add_argument("-w", dest="write_out", default="")
    options = parser.parse_args()

    headers = dict(header.split(": ", 1) for header in options.headers)
    if options.json is not None:
        headers |= {"content-type": "application/json", "accept": "application/json"}
    url = options.url if "://" in options.url else f"http://{options.url}"
    method = options.method or ("GET" if options.json is None else "POST")
    answer = httpx.request(method, url, headers=headers, content=options.json, timeout=None)

    if options.fail and answer.is_error:
        return 22
    if options.output is not None:
        options.output.write_bytes(answer.content)
    else:
        sys.stdout.write(answer.text)
    told = options.write_out.replace("%{http_code}", str(answer.status_code)).replace("\\n", "\n")
    sys.stdout.write(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
