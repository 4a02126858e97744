"""The URL of a version's HTML page on the report server.

A `file://` link does nothing in the Dagster UI, so `toolft reports` serves the pages (`make dev` and `make look` start
it). Behind a proxy, TOOLFT_REPORTS_URL is its public address: a path of the proxy that also serves the UI, such as
`/reports`, or a full URL.
"""

from __future__ import annotations

import os
from urllib.parse import quote

from toolft_pipeline.warehouse.store import Version

REPORTS_URL = "TOOLFT_REPORTS_URL"
REPORTS_PORT = 3002
NO_PARTITION = "all"
"""The part of a path that stands for the day, for an asset without partitions."""


def reports_url() -> str:
    """The URL of the report server for a browser, without a trailing slash."""
    return (os.environ.get(REPORTS_URL) or f"http://127.0.0.1:{REPORTS_PORT}").rstrip("/")


def page_url(version: Version) -> str:
    """The URL of a version's page: `<server>/<agent>/<asset>/<day or all>/<version>`."""
    address = version.manifest.address
    parts = (address.agent, address.asset, address.partition or NO_PARTITION, version.folder.name)
    return "/".join([reports_url(), *(quote(part, safe="") for part in parts)])
