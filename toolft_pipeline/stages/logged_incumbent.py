"""The incumbent's figures for a report, from the readiness report of the same day."""

from __future__ import annotations

import msgspec

from toolft_pipeline.curation.readiness.production_stats import Incumbent
from toolft_pipeline.curation.readiness.readiness import Readiness
from toolft_pipeline.stages.readiness_report import REPORT_FILE
from toolft_pipeline.stages.spec.stage import BuildContext, StageError


def logged_incumbent(context: BuildContext) -> Incumbent:
    """What the window's logs say about the incumbent, as counted by the readiness report."""
    version = context.input("readiness_report")
    try:
        return msgspec.json.decode(version.file(REPORT_FILE).read_bytes(), type=Readiness).incumbent
    except msgspec.DecodeError as error:
        raise StageError(
            f"{version.manifest.address} was written by earlier code ({error}); materialize it again"
        ) from error
