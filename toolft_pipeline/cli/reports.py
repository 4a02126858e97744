"""`toolft reports`: the server of the HTML reports that the UI links; it runs until it is stopped."""

from __future__ import annotations

import sys

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.orchestration.overview.overview import gather_overview
from toolft_pipeline.orchestration.overview.report_server import make_server
from toolft_pipeline.stages.presentation.overview_page import render_overview
from toolft_pipeline.stages.presentation.report_links import reports_url


def serve_reports(*, port: int) -> int:
    """Serve until interrupted; returns 1 if the port is in use."""

    def overview() -> str:
        with open_instance() as instance:
            return render_overview(gather_overview(instance))

    try:
        server = make_server(warehouse_root(), port=port, overview=overview)
    except OSError as error:
        say(f"toolft: reports: port {port} cannot be used ({error.strerror}); choose one with --port", to=sys.stderr)
        return 1
    say(f"reports on http://127.0.0.1:{port}, linked as {reports_url()}")
    with server:
        server.serve_forever()
    return 0
