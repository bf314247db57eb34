"""NannyML's univariate drift by two methods and by day: give it REFERENCE PREDICTIONS."""

import sys

from watching import Watch

watch = Watch()
with watch.of("import"):
    import nannyml
    import pandas as pd

columns = [f"f{number}" for number in range(20)]
with watch.of("read"):
    reference = pd.read_parquet(sys.argv[1], columns=[*columns, "at"])
    analysis = pd.read_parquet(sys.argv[2], columns=[*columns, "at"])
calculator = nannyml.UnivariateDriftCalculator(
    column_names=columns,
    timestamp_column_name="at",
    chunk_period="D",
    continuous_methods=["jensen_shannon", "kolmogorov_smirnov"],
)
with watch.of("fit"):
    calculator.fit(reference)
with watch.of("work"):
    result = calculator.calculate(analysis)
watch.tell(rows=len(analysis), figures=len(result.filter(period="analysis").to_df()) * len(columns) * 2)
