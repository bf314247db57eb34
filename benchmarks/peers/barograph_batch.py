"""`barograph batch` without its command line: give it BASELINE PREDICTIONS LABELS.

Reads Parquet, joins labels by id, and gives drift, quality, performance with intervals and label maturity of
every day, at four label horizons.
"""

import sys
import tempfile
from pathlib import Path

from watching import Watch

watch = Watch()
with watch.of("import"):
    from barograph.baseline import read_baseline
    from barograph_processor.components.registry import Registry
    from barograph_processor.config.load import load
    from barograph_processor.files.roles import Asked
    from barograph_processor.patterns.batch_opening import Request, open_batch

config = load("windows: [1d]", catalog=Registry())
request = Request(predictions=[Path(sys.argv[2])], labels=[Path(sys.argv[3])], asked=Asked())
with (
    watch.of("work"),
    tempfile.TemporaryDirectory() as folder,
    open_batch(
        request, config, baselines=[read_baseline(sys.argv[1])], folder=Path(folder), registry=Registry()
    ) as opened,
):
    windows = [window for closed in opened.batch.run() for window in closed]
summary = opened.batch.summary
watch.tell(
    rows=summary.rows, joined=summary.joins.joined, figures=sum(len(window.readings) for window in windows)
)
