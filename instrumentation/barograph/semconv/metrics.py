"""Metrics. Generated from semconv/registry by semconv/generate.py: change that, run `make generate`."""

from typing import Final, NamedTuple


class Metric(NamedTuple):
    """What the registry says of a metric; `attributes` are the names that its points may carry."""

    name: str
    instrument: str
    unit: str
    brief: str
    attributes: tuple[str, ...]


ML_FEATURE_DRIFT_PSI: Final = "ml.feature.drift.psi"
"""Population stability index on fixed groups of reference quantiles."""

ML_FEATURE_DRIFT_JS: Final = "ml.feature.drift.js"
"""Jensen-Shannon distance, base 2."""

ML_FEATURE_DRIFT_KS: Final = "ml.feature.drift.ks"
"""Kolmogorov-Smirnov distance."""

ML_FEATURE_DRIFT_KS_LOWER: Final = "ml.feature.drift.ks.lower"
"""Least value of the distance that the buckets allow."""

ML_FEATURE_DRIFT_KS_UPPER: Final = "ml.feature.drift.ks.upper"
"""Greatest value of the distance that the buckets allow."""

ML_FEATURE_DRIFT_WASSERSTEIN: Final = "ml.feature.drift.wasserstein"
"""Wasserstein distance over the reference's interquartile range divided by 1.349."""

ML_FEATURE_DRIFT_WASSERSTEIN_LOWER: Final = "ml.feature.drift.wasserstein.lower"
"""Least value of the distance that the buckets allow."""

ML_FEATURE_DRIFT_WASSERSTEIN_UPPER: Final = "ml.feature.drift.wasserstein.upper"
"""Greatest value of the distance that the buckets allow."""

ML_FEATURE_DRIFT_CHI2: Final = "ml.feature.drift.chi2"
"""Chi-squared statistic of homogeneity."""

ML_FEATURE_DRIFT_P_VALUE: Final = "ml.feature.drift.p_value"
"""Probability of a population stability index this large if the true one were no larger than the practical
size.
"""

ML_FEATURE_DRIFT_SIGNIFICANT: Final = "ml.feature.drift.significant"
"""1 where the drift exceeds the practical size beyond chance after correction for the number of streams."""

ML_FEATURE_DRIFT_NOISE_FLOOR: Final = "ml.feature.drift.noise_floor"
"""95th percentile of the population stability index if nothing had drifted."""

ML_FEATURE_DRIFT_DETECTABLE: Final = "ml.feature.drift.detectable"
"""Smallest population stability index that would be found significant four times in five."""

ML_FEATURE_DRIFT_OVERDISPERSION: Final = "ml.feature.drift.overdispersion"
"""Overdispersion by which the chance of drift was scaled, learned from slices of the reference."""

ML_PREDICTION_DRIFT_PSI: Final = "ml.prediction.drift.psi"
"""Population stability index on fixed groups of reference quantiles."""

ML_PREDICTION_DRIFT_JS: Final = "ml.prediction.drift.js"
"""Jensen-Shannon distance, base 2."""

ML_PREDICTION_DRIFT_KS: Final = "ml.prediction.drift.ks"
"""Kolmogorov-Smirnov distance."""

ML_PREDICTION_DRIFT_KS_LOWER: Final = "ml.prediction.drift.ks.lower"
"""Least value of the distance that the buckets allow."""

ML_PREDICTION_DRIFT_KS_UPPER: Final = "ml.prediction.drift.ks.upper"
"""Greatest value of the distance that the buckets allow."""

ML_PREDICTION_DRIFT_WASSERSTEIN: Final = "ml.prediction.drift.wasserstein"
"""Wasserstein distance over the reference's interquartile range divided by 1.349."""

ML_PREDICTION_DRIFT_WASSERSTEIN_LOWER: Final = "ml.prediction.drift.wasserstein.lower"
"""Least value of the distance that the buckets allow."""

ML_PREDICTION_DRIFT_WASSERSTEIN_UPPER: Final = "ml.prediction.drift.wasserstein.upper"
"""Greatest value of the distance that the buckets allow."""

ML_PREDICTION_DRIFT_CHI2: Final = "ml.prediction.drift.chi2"
"""Chi-squared statistic of homogeneity."""

ML_PREDICTION_DRIFT_P_VALUE: Final = "ml.prediction.drift.p_value"
"""Probability of a population stability index this large if the true one were no larger than the practical
size.
"""

ML_PREDICTION_DRIFT_SIGNIFICANT: Final = "ml.prediction.drift.significant"
"""1 where the drift exceeds the practical size beyond chance after correction for the number of streams."""

ML_PREDICTION_DRIFT_NOISE_FLOOR: Final = "ml.prediction.drift.noise_floor"
"""95th percentile of the population stability index if nothing had drifted."""

ML_PREDICTION_DRIFT_DETECTABLE: Final = "ml.prediction.drift.detectable"
"""Smallest population stability index that would be found significant four times in five."""

ML_PREDICTION_DRIFT_OVERDISPERSION: Final = "ml.prediction.drift.overdispersion"
"""Overdispersion by which the chance of drift was scaled, learned from slices of the reference."""

ML_FEATURE_MISSING_RATIO: Final = "ml.feature.missing.ratio"
"""Share of values that are missing."""

ML_FEATURE_INVALID_RATIO: Final = "ml.feature.invalid.ratio"
"""Share of values that are invalid."""

ML_FEATURE_UNSEEN_RATIO: Final = "ml.feature.unseen.ratio"
"""Share of values outside the baseline's vocabulary."""

ML_FEATURE_OUT_OF_RANGE_RATIO: Final = "ml.feature.out_of_range.ratio"
"""Share of values outside the reference range."""

ML_FEATURE_SENTINEL_RATIO: Final = "ml.feature.sentinel.ratio"
"""Share of values that are declared stand-ins for missing ones."""

ML_FEATURE_TOP_VALUE_RATIO: Final = "ml.feature.top_value.ratio"
"""Share of the most frequent category or bucket."""

ML_FEATURE_VIOLATION_RATIO: Final = "ml.feature.violation.ratio"
"""Share of rows whose value certainly breaks a rule of the model's schema."""

ML_FEATURE_VIOLATION_RATIO_UPPER: Final = "ml.feature.violation.ratio.upper"
"""Share of rows whose value may break a rule, as far as buckets and pooled categories tell."""

ML_PERFORMANCE_ACCURACY: Final = "ml.performance.accuracy"
"""Share of predictions that were right."""

ML_PERFORMANCE_ACCURACY_CONFIDENCE_LOWER: Final = "ml.performance.accuracy.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_ACCURACY_CONFIDENCE_UPPER: Final = "ml.performance.accuracy.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_BALANCED_ACCURACY: Final = "ml.performance.balanced_accuracy"
"""Mean of the classes' recall."""

ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_LOWER: Final = "ml.performance.balanced_accuracy.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_UPPER: Final = "ml.performance.balanced_accuracy.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_PRECISION: Final = "ml.performance.precision"
"""Share of predictions of the class that were right."""

ML_PERFORMANCE_PRECISION_CONFIDENCE_LOWER: Final = "ml.performance.precision.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_PRECISION_CONFIDENCE_UPPER: Final = "ml.performance.precision.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_RECALL: Final = "ml.performance.recall"
"""Share of the class that was predicted."""

ML_PERFORMANCE_RECALL_CONFIDENCE_LOWER: Final = "ml.performance.recall.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_RECALL_CONFIDENCE_UPPER: Final = "ml.performance.recall.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_F1: Final = "ml.performance.f1"
"""Harmonic mean of precision and recall."""

ML_PERFORMANCE_F1_CONFIDENCE_LOWER: Final = "ml.performance.f1.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_F1_CONFIDENCE_UPPER: Final = "ml.performance.f1.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_ROC_AUC: Final = "ml.performance.roc_auc"
"""Area under the receiver operating characteristic; one against the rest, averaged, where there are several
classes.
"""

ML_PERFORMANCE_ROC_AUC_LOWER: Final = "ml.performance.roc_auc.lower"
"""Least value that the buckets allow."""

ML_PERFORMANCE_ROC_AUC_UPPER: Final = "ml.performance.roc_auc.upper"
"""Greatest value that the buckets allow."""

ML_PERFORMANCE_ROC_AUC_CONFIDENCE_LOWER: Final = "ml.performance.roc_auc.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_ROC_AUC_CONFIDENCE_UPPER: Final = "ml.performance.roc_auc.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_LOG_LOSS: Final = "ml.performance.log_loss"
"""Mean negative log-likelihood of the true class."""

ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_LOWER: Final = "ml.performance.log_loss.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_UPPER: Final = "ml.performance.log_loss.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_BRIER: Final = "ml.performance.brier"
"""Mean squared error of the predicted probabilities."""

ML_PERFORMANCE_BRIER_CONFIDENCE_LOWER: Final = "ml.performance.brier.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_BRIER_CONFIDENCE_UPPER: Final = "ml.performance.brier.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_MAE: Final = "ml.performance.mae"
"""Mean absolute error."""

ML_PERFORMANCE_MAE_CONFIDENCE_LOWER: Final = "ml.performance.mae.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_MAE_CONFIDENCE_UPPER: Final = "ml.performance.mae.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_MSE: Final = "ml.performance.mse"
"""Mean squared error."""

ML_PERFORMANCE_MSE_CONFIDENCE_LOWER: Final = "ml.performance.mse.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_MSE_CONFIDENCE_UPPER: Final = "ml.performance.mse.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_RMSE: Final = "ml.performance.rmse"
"""Root mean squared error."""

ML_PERFORMANCE_RMSE_CONFIDENCE_LOWER: Final = "ml.performance.rmse.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_RMSE_CONFIDENCE_UPPER: Final = "ml.performance.rmse.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_BIAS: Final = "ml.performance.bias"
"""Mean of prediction minus truth."""

ML_PERFORMANCE_BIAS_CONFIDENCE_LOWER: Final = "ml.performance.bias.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_BIAS_CONFIDENCE_UPPER: Final = "ml.performance.bias.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_R2: Final = "ml.performance.r2"
"""Coefficient of determination."""

ML_PERFORMANCE_R2_CONFIDENCE_LOWER: Final = "ml.performance.r2.confidence.lower"
"""Lower end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_R2_CONFIDENCE_UPPER: Final = "ml.performance.r2.confidence.upper"
"""Upper end of the 95 % confidence interval, sampling and buckets together."""

ML_PERFORMANCE_OBSERVATIONS: Final = "ml.performance.observations"
"""Predictions with known truth behind the performance figures."""

ML_LABEL_MATURITY: Final = "ml.label.maturity"
"""Share of the window's predictions whose truth is known."""

ML_LABEL_DELAY: Final = "ml.label.delay"
"""Median delay from prediction to the observation of its truth."""

ML_LABEL_DELAY_P95: Final = "ml.label.delay.p95"
"""95th percentile of the delay from prediction to the observation of its truth."""

ML_WINDOW_OBSERVATIONS: Final = "ml.window.observations"
"""Predictions of the window."""

ML_WINDOW_END: Final = "ml.window.end"
"""End of the newest closed window, in Unix seconds."""

ML_MONITOR_STATUS: Final = "ml.monitor.status"
"""1 for the state that the monitor is in, 0 for the others."""

ML_INFERENCE_DURATION: Final = "ml.inference.duration"
"""Time that a call to the model took."""

ML_INFERENCE_PREDICTIONS: Final = "ml.inference.predictions"
"""Predictions made."""

ML_INFERENCE_BATCH_SIZE: Final = "ml.inference.batch.size"
"""Rows of a call."""

ML_FEATURE_VALUE: Final = "ml.feature.value"
"""Values of a numeric feature, in the feature's own unit."""

ML_FEATURE_OBSERVATIONS: Final = "ml.feature.observations"
"""Values of a feature by what was observed of them."""

ML_FEATURE_CATEGORIES: Final = "ml.feature.categories"
"""Values of a categorical feature by category."""

ML_FEATURE_ROWS: Final = "ml.feature.rows"
"""Rows that an edge counted, by what they hold of a feature whose kind is not known yet; without a feature,
all of them.
"""

ML_PREDICTION_VALUE: Final = "ml.prediction.value"
"""Predicted numbers of a regression, in the target's own unit."""

ML_PREDICTION_SCORE: Final = "ml.prediction.score"
"""Predicted probability of a class; of the positive class where there are two."""

ML_PREDICTION_CLASSES: Final = "ml.prediction.classes"
"""Predictions by predicted class."""

ML_TELEMETRY_DROPPED: Final = "ml.telemetry.dropped"
"""What the instrumentation or the processor could not take, by reason. Nothing is dropped without being
counted here.
"""


METRICS: Final[dict[str, Metric]] = {
    ML_FEATURE_DRIFT_PSI: Metric(
        ML_FEATURE_DRIFT_PSI,
        "gauge",
        "{psi}",
        "Population stability index on fixed groups of reference quantiles.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_JS: Metric(
        ML_FEATURE_DRIFT_JS,
        "gauge",
        "{js}",
        "Jensen-Shannon distance, base 2.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_KS: Metric(
        ML_FEATURE_DRIFT_KS,
        "gauge",
        "{ks}",
        "Kolmogorov-Smirnov distance.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_KS_LOWER: Metric(
        ML_FEATURE_DRIFT_KS_LOWER,
        "gauge",
        "{ks}",
        "Least value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_KS_UPPER: Metric(
        ML_FEATURE_DRIFT_KS_UPPER,
        "gauge",
        "{ks}",
        "Greatest value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_WASSERSTEIN: Metric(
        ML_FEATURE_DRIFT_WASSERSTEIN,
        "gauge",
        "{wasserstein}",
        "Wasserstein distance over the reference's interquartile range divided by 1.349.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_WASSERSTEIN_LOWER: Metric(
        ML_FEATURE_DRIFT_WASSERSTEIN_LOWER,
        "gauge",
        "{wasserstein}",
        "Least value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_WASSERSTEIN_UPPER: Metric(
        ML_FEATURE_DRIFT_WASSERSTEIN_UPPER,
        "gauge",
        "{wasserstein}",
        "Greatest value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_CHI2: Metric(
        ML_FEATURE_DRIFT_CHI2,
        "gauge",
        "{chi2}",
        "Chi-squared statistic of homogeneity.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_P_VALUE: Metric(
        ML_FEATURE_DRIFT_P_VALUE,
        "gauge",
        "{p}",
        "Probability of a population stability index this large if the true one were no larger than the practical size.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_SIGNIFICANT: Metric(
        ML_FEATURE_DRIFT_SIGNIFICANT,
        "gauge",
        "{significant}",
        "1 where the drift exceeds the practical size beyond chance after correction for the number of streams.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_NOISE_FLOOR: Metric(
        ML_FEATURE_DRIFT_NOISE_FLOOR,
        "gauge",
        "{psi}",
        "95th percentile of the population stability index if nothing had drifted.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_DETECTABLE: Metric(
        ML_FEATURE_DRIFT_DETECTABLE,
        "gauge",
        "{psi}",
        "Smallest population stability index that would be found significant four times in five.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_DRIFT_OVERDISPERSION: Metric(
        ML_FEATURE_DRIFT_OVERDISPERSION,
        "gauge",
        "{phi}",
        "Overdispersion by which the chance of drift was scaled, learned from slices of the reference.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_PREDICTION_DRIFT_PSI: Metric(
        ML_PREDICTION_DRIFT_PSI,
        "gauge",
        "{psi}",
        "Population stability index on fixed groups of reference quantiles.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_JS: Metric(
        ML_PREDICTION_DRIFT_JS,
        "gauge",
        "{js}",
        "Jensen-Shannon distance, base 2.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_KS: Metric(
        ML_PREDICTION_DRIFT_KS,
        "gauge",
        "{ks}",
        "Kolmogorov-Smirnov distance.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_KS_LOWER: Metric(
        ML_PREDICTION_DRIFT_KS_LOWER,
        "gauge",
        "{ks}",
        "Least value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_KS_UPPER: Metric(
        ML_PREDICTION_DRIFT_KS_UPPER,
        "gauge",
        "{ks}",
        "Greatest value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_WASSERSTEIN: Metric(
        ML_PREDICTION_DRIFT_WASSERSTEIN,
        "gauge",
        "{wasserstein}",
        "Wasserstein distance over the reference's interquartile range divided by 1.349.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_WASSERSTEIN_LOWER: Metric(
        ML_PREDICTION_DRIFT_WASSERSTEIN_LOWER,
        "gauge",
        "{wasserstein}",
        "Least value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_WASSERSTEIN_UPPER: Metric(
        ML_PREDICTION_DRIFT_WASSERSTEIN_UPPER,
        "gauge",
        "{wasserstein}",
        "Greatest value of the distance that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_CHI2: Metric(
        ML_PREDICTION_DRIFT_CHI2,
        "gauge",
        "{chi2}",
        "Chi-squared statistic of homogeneity.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_P_VALUE: Metric(
        ML_PREDICTION_DRIFT_P_VALUE,
        "gauge",
        "{p}",
        "Probability of a population stability index this large if the true one were no larger than the practical size.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_SIGNIFICANT: Metric(
        ML_PREDICTION_DRIFT_SIGNIFICANT,
        "gauge",
        "{significant}",
        "1 where the drift exceeds the practical size beyond chance after correction for the number of streams.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_NOISE_FLOOR: Metric(
        ML_PREDICTION_DRIFT_NOISE_FLOOR,
        "gauge",
        "{psi}",
        "95th percentile of the population stability index if nothing had drifted.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_DETECTABLE: Metric(
        ML_PREDICTION_DRIFT_DETECTABLE,
        "gauge",
        "{psi}",
        "Smallest population stability index that would be found significant four times in five.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_DRIFT_OVERDISPERSION: Metric(
        ML_PREDICTION_DRIFT_OVERDISPERSION,
        "gauge",
        "{phi}",
        "Overdispersion by which the chance of drift was scaled, learned from slices of the reference.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.class.name",
        ),
    ),
    ML_FEATURE_MISSING_RATIO: Metric(
        ML_FEATURE_MISSING_RATIO,
        "gauge",
        "{ratio}",
        "Share of values that are missing.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_INVALID_RATIO: Metric(
        ML_FEATURE_INVALID_RATIO,
        "gauge",
        "{ratio}",
        "Share of values that are invalid.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_UNSEEN_RATIO: Metric(
        ML_FEATURE_UNSEEN_RATIO,
        "gauge",
        "{ratio}",
        "Share of values outside the baseline's vocabulary.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_OUT_OF_RANGE_RATIO: Metric(
        ML_FEATURE_OUT_OF_RANGE_RATIO,
        "gauge",
        "{ratio}",
        "Share of values outside the reference range.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_SENTINEL_RATIO: Metric(
        ML_FEATURE_SENTINEL_RATIO,
        "gauge",
        "{ratio}",
        "Share of values that are declared stand-ins for missing ones.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_TOP_VALUE_RATIO: Metric(
        ML_FEATURE_TOP_VALUE_RATIO,
        "gauge",
        "{ratio}",
        "Share of the most frequent category or bucket.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_VIOLATION_RATIO: Metric(
        ML_FEATURE_VIOLATION_RATIO,
        "gauge",
        "{ratio}",
        "Share of rows whose value certainly breaks a rule of the model's schema.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
            "ml.feature.rule",
        ),
    ),
    ML_FEATURE_VIOLATION_RATIO_UPPER: Metric(
        ML_FEATURE_VIOLATION_RATIO_UPPER,
        "gauge",
        "{ratio}",
        "Share of rows whose value may break a rule, as far as buckets and pooled categories tell.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.feature.name",
            "ml.feature.rule",
        ),
    ),
    ML_PERFORMANCE_ACCURACY: Metric(
        ML_PERFORMANCE_ACCURACY,
        "gauge",
        "{accuracy}",
        "Share of predictions that were right.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_ACCURACY_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_ACCURACY_CONFIDENCE_LOWER,
        "gauge",
        "{accuracy}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_ACCURACY_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_ACCURACY_CONFIDENCE_UPPER,
        "gauge",
        "{accuracy}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BALANCED_ACCURACY: Metric(
        ML_PERFORMANCE_BALANCED_ACCURACY,
        "gauge",
        "{accuracy}",
        "Mean of the classes' recall.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_LOWER,
        "gauge",
        "{accuracy}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_UPPER,
        "gauge",
        "{accuracy}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_PRECISION: Metric(
        ML_PERFORMANCE_PRECISION,
        "gauge",
        "{precision}",
        "Share of predictions of the class that were right.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_PRECISION_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_PRECISION_CONFIDENCE_LOWER,
        "gauge",
        "{precision}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_PRECISION_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_PRECISION_CONFIDENCE_UPPER,
        "gauge",
        "{precision}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_RECALL: Metric(
        ML_PERFORMANCE_RECALL,
        "gauge",
        "{recall}",
        "Share of the class that was predicted.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_RECALL_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_RECALL_CONFIDENCE_LOWER,
        "gauge",
        "{recall}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_RECALL_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_RECALL_CONFIDENCE_UPPER,
        "gauge",
        "{recall}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_F1: Metric(
        ML_PERFORMANCE_F1,
        "gauge",
        "{f1}",
        "Harmonic mean of precision and recall.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_F1_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_F1_CONFIDENCE_LOWER,
        "gauge",
        "{f1}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_F1_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_F1_CONFIDENCE_UPPER,
        "gauge",
        "{f1}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
            "ml.class.name",
        ),
    ),
    ML_PERFORMANCE_ROC_AUC: Metric(
        ML_PERFORMANCE_ROC_AUC,
        "gauge",
        "{auc}",
        "Area under the receiver operating characteristic; one against the rest, averaged, where there are several classes.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_ROC_AUC_LOWER: Metric(
        ML_PERFORMANCE_ROC_AUC_LOWER,
        "gauge",
        "{auc}",
        "Least value that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_ROC_AUC_UPPER: Metric(
        ML_PERFORMANCE_ROC_AUC_UPPER,
        "gauge",
        "{auc}",
        "Greatest value that the buckets allow.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_ROC_AUC_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_ROC_AUC_CONFIDENCE_LOWER,
        "gauge",
        "{auc}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_ROC_AUC_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_ROC_AUC_CONFIDENCE_UPPER,
        "gauge",
        "{auc}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_LOG_LOSS: Metric(
        ML_PERFORMANCE_LOG_LOSS,
        "gauge",
        "{nat}",
        "Mean negative log-likelihood of the true class.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_LOWER,
        "gauge",
        "{nat}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_UPPER,
        "gauge",
        "{nat}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BRIER: Metric(
        ML_PERFORMANCE_BRIER,
        "gauge",
        "{brier}",
        "Mean squared error of the predicted probabilities.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BRIER_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_BRIER_CONFIDENCE_LOWER,
        "gauge",
        "{brier}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BRIER_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_BRIER_CONFIDENCE_UPPER,
        "gauge",
        "{brier}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_MAE: Metric(
        ML_PERFORMANCE_MAE,
        "gauge",
        "{target}",
        "Mean absolute error.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_MAE_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_MAE_CONFIDENCE_LOWER,
        "gauge",
        "{target}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_MAE_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_MAE_CONFIDENCE_UPPER,
        "gauge",
        "{target}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_MSE: Metric(
        ML_PERFORMANCE_MSE,
        "gauge",
        "{target2}",
        "Mean squared error.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_MSE_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_MSE_CONFIDENCE_LOWER,
        "gauge",
        "{target2}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_MSE_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_MSE_CONFIDENCE_UPPER,
        "gauge",
        "{target2}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_RMSE: Metric(
        ML_PERFORMANCE_RMSE,
        "gauge",
        "{target}",
        "Root mean squared error.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_RMSE_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_RMSE_CONFIDENCE_LOWER,
        "gauge",
        "{target}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_RMSE_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_RMSE_CONFIDENCE_UPPER,
        "gauge",
        "{target}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BIAS: Metric(
        ML_PERFORMANCE_BIAS,
        "gauge",
        "{target}",
        "Mean of prediction minus truth.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BIAS_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_BIAS_CONFIDENCE_LOWER,
        "gauge",
        "{target}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_BIAS_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_BIAS_CONFIDENCE_UPPER,
        "gauge",
        "{target}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_R2: Metric(
        ML_PERFORMANCE_R2,
        "gauge",
        "{r2}",
        "Coefficient of determination.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_R2_CONFIDENCE_LOWER: Metric(
        ML_PERFORMANCE_R2_CONFIDENCE_LOWER,
        "gauge",
        "{r2}",
        "Lower end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_R2_CONFIDENCE_UPPER: Metric(
        ML_PERFORMANCE_R2_CONFIDENCE_UPPER,
        "gauge",
        "{r2}",
        "Upper end of the 95 % confidence interval, sampling and buckets together.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_PERFORMANCE_OBSERVATIONS: Metric(
        ML_PERFORMANCE_OBSERVATIONS,
        "gauge",
        "{prediction}",
        "Predictions with known truth behind the performance figures.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_LABEL_MATURITY: Metric(
        ML_LABEL_MATURITY,
        "gauge",
        "{ratio}",
        "Share of the window's predictions whose truth is known.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_LABEL_DELAY: Metric(
        ML_LABEL_DELAY,
        "gauge",
        "s",
        "Median delay from prediction to the observation of its truth.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_LABEL_DELAY_P95: Metric(
        ML_LABEL_DELAY_P95,
        "gauge",
        "s",
        "95th percentile of the delay from prediction to the observation of its truth.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.performance.source",
            "ml.label.horizon",
            "ml.segment.name",
            "ml.segment.value",
        ),
    ),
    ML_WINDOW_OBSERVATIONS: Metric(
        ML_WINDOW_OBSERVATIONS,
        "gauge",
        "{prediction}",
        "Predictions of the window.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
        ),
    ),
    ML_WINDOW_END: Metric(
        ML_WINDOW_END,
        "gauge",
        "s",
        "End of the newest closed window, in Unix seconds.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
        ),
    ),
    ML_MONITOR_STATUS: Metric(
        ML_MONITOR_STATUS,
        "gauge",
        "{status}",
        "1 for the state that the monitor is in, 0 for the others.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.monitor.state",
        ),
    ),
    ML_INFERENCE_DURATION: Metric(
        ML_INFERENCE_DURATION,
        "histogram",
        "s",
        "Time that a call to the model took.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.operation.name",
            "error.type",
        ),
    ),
    ML_INFERENCE_PREDICTIONS: Metric(
        ML_INFERENCE_PREDICTIONS,
        "counter",
        "{prediction}",
        "Predictions made.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
        ),
    ),
    ML_INFERENCE_BATCH_SIZE: Metric(
        ML_INFERENCE_BATCH_SIZE,
        "histogram",
        "{row}",
        "Rows of a call.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.operation.name",
        ),
    ),
    ML_FEATURE_VALUE: Metric(
        ML_FEATURE_VALUE,
        "histogram",
        "1",
        "Values of a numeric feature, in the feature's own unit.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.feature.name",
        ),
    ),
    ML_FEATURE_OBSERVATIONS: Metric(
        ML_FEATURE_OBSERVATIONS,
        "counter",
        "{value}",
        "Values of a feature by what was observed of them.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.feature.name",
            "ml.feature.state",
        ),
    ),
    ML_FEATURE_CATEGORIES: Metric(
        ML_FEATURE_CATEGORIES,
        "counter",
        "{value}",
        "Values of a categorical feature by category.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.feature.name",
            "ml.feature.category",
        ),
    ),
    ML_FEATURE_ROWS: Metric(
        ML_FEATURE_ROWS,
        "counter",
        "{row}",
        "Rows that an edge counted, by what they hold of a feature whose kind is not known yet; without a feature, all of them.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.feature.name",
            "ml.feature.state",
        ),
    ),
    ML_PREDICTION_VALUE: Metric(
        ML_PREDICTION_VALUE,
        "histogram",
        "1",
        "Predicted numbers of a regression, in the target's own unit.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
        ),
    ),
    ML_PREDICTION_SCORE: Metric(
        ML_PREDICTION_SCORE,
        "histogram",
        "1",
        "Predicted probability of a class; of the positive class where there are two.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.class.name",
        ),
    ),
    ML_PREDICTION_CLASSES: Metric(
        ML_PREDICTION_CLASSES,
        "counter",
        "{prediction}",
        "Predictions by predicted class.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.pane.length",
            "ml.baseline.id",
            "ml.edge.id",
            "ml.class.name",
        ),
    ),
    ML_TELEMETRY_DROPPED: Metric(
        ML_TELEMETRY_DROPPED,
        "counter",
        "{item}",
        "What the instrumentation or the processor could not take, by reason. Nothing is dropped without being counted here.",
        ("ml.telemetry.lane", "ml.telemetry.reason"),
    ),
}
"""Every metric by name."""
