"""Evidently's DataDriftPreset over all rows at once, by its defaults: give it REFERENCE PREDICTIONS."""

import sys

from watching import Watch

watch = Watch()
with watch.of("import"):
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

columns = [f"f{number}" for number in range(20)]
with watch.of("read"):
    reference = pd.read_parquet(sys.argv[1], columns=columns)
    current = pd.read_parquet(sys.argv[2], columns=columns)
with watch.of("work"):
    told = Report([DataDriftPreset()]).run(current, reference).dict()
watch.tell(rows=len(current), figures=len(told["metrics"]))
