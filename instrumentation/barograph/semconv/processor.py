"""The processor's metrics about itself. Generated from semconv/registry: change that, run `make generate`."""

from typing import Final

from barograph.semconv.metrics import Metric

BAROGRAPH_RECEIVER_ACCEPTED_SPANS: Final = "barograph_receiver_accepted_spans"
"""Spans taken."""

BAROGRAPH_RECEIVER_REFUSED_SPANS: Final = "barograph_receiver_refused_spans"
"""Spans not taken for now; the sender was told to send them again."""

BAROGRAPH_RECEIVER_FAILED_SPANS: Final = "barograph_receiver_failed_spans"
"""Requests with spans that could not be read."""

BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS: Final = "barograph_receiver_accepted_metric_points"
"""Metric points taken."""

BAROGRAPH_RECEIVER_REFUSED_METRIC_POINTS: Final = "barograph_receiver_refused_metric_points"
"""Metric points not taken for now; the sender was told to send them again."""

BAROGRAPH_RECEIVER_FAILED_METRIC_POINTS: Final = "barograph_receiver_failed_metric_points"
"""Requests with metric points that could not be read."""

BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS: Final = "barograph_receiver_accepted_log_records"
"""Log records taken."""

BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS: Final = "barograph_receiver_refused_log_records"
"""Log records not taken for now; the sender was told to send them again."""

BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS: Final = "barograph_receiver_failed_log_records"
"""Requests with log records that could not be read."""

BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS: Final = "barograph_receiver_unauthenticated_requests"
"""Requests refused because they carried no token that the receiver knows."""

BAROGRAPH_ENGINE_KEYS: Final = "barograph_engine_keys"
"""Monitored series of predictions that are held."""

BAROGRAPH_ENGINE_SOURCES: Final = "barograph_engine_sources"
"""Sources known, summed over keys."""

BAROGRAPH_ENGINE_PANES: Final = "barograph_engine_panes"
"""Panes that wait to be folded into windows."""

BAROGRAPH_ENGINE_WINDOWS: Final = "barograph_engine_windows"
"""Windows that are open or may still be revised."""

BAROGRAPH_ENGINE_PENDING_ENTRIES: Final = "barograph_engine_pending_entries"
"""Predictions and labels that wait for each other."""

BAROGRAPH_ENGINE_FAILURES: Final = "barograph_engine_failures"
"""Attempts to advance the engine that failed; the next one may work."""

BAROGRAPH_ENGINE_ACCEPTED_PREDICTIONS: Final = "barograph_engine_accepted_predictions"
"""Predictions of the outcomes lane that were taken, repeats left out."""

BAROGRAPH_ENGINE_ACCEPTED_LABELS: Final = "barograph_engine_accepted_labels"
"""Labels taken, repeats left out."""

BAROGRAPH_ENGINE_JOINED_LABELS: Final = "barograph_engine_joined_labels"
"""Labels that met their prediction."""

BAROGRAPH_EXPORTER_SENT_WINDOWS: Final = "barograph_exporter_sent_windows"
"""Closed or revised windows that were sent."""

BAROGRAPH_EXPORTER_SENT_READINGS: Final = "barograph_exporter_sent_readings"
"""Readings sent, repeats included."""

BAROGRAPH_EXPORTER_FAILED_SENDS: Final = "barograph_exporter_failed_sends"
"""Attempts to send that failed."""

BAROGRAPH_EXPORTER_QUEUE_SIZE: Final = "barograph_exporter_queue_size"
"""Windows that wait to be sent."""

BAROGRAPH_EXPORTER_QUEUE_CAPACITY: Final = "barograph_exporter_queue_capacity"
"""Windows that may wait to be sent."""

BAROGRAPH_FORWARD_QUEUE_SIZE: Final = "barograph_forward_queue_size"
"""Requests that wait to be passed on."""

BAROGRAPH_FORWARD_QUEUE_CAPACITY: Final = "barograph_forward_queue_capacity"
"""Requests that may wait to be passed on; intake pauses at half of it."""

BAROGRAPH_FORWARD_SENT_REQUESTS: Final = "barograph_forward_sent_requests"
"""Requests that were passed on."""

BAROGRAPH_FORWARD_FAILED_SENDS: Final = "barograph_forward_failed_sends"
"""Attempts to pass a request on that failed."""

BAROGRAPH_PROCESS_UPTIME: Final = "barograph_process_uptime"
"""Time since the processor started."""

BAROGRAPH_PROCESS_CPU_SECONDS: Final = "barograph_process_cpu_seconds"
"""Time that the processor spent computing, user and system."""

BAROGRAPH_PROCESS_MEMORY_RSS: Final = "barograph_process_memory_rss"
"""Memory of the processor that is resident."""

BAROGRAPH_SERVICE_READY: Final = "barograph_service_ready"
"""1 while telemetry is taken, 0 before the engine runs, while the storage fails, and while stopping."""

BAROGRAPH_STORAGE_JOURNAL_SIZE: Final = "barograph_storage_journal_size"
"""What the journal holds since the last checkpoint."""

BAROGRAPH_STORAGE_JOURNAL_CAPACITY: Final = "barograph_storage_journal_capacity"
"""Size of the journal from which on a checkpoint is made; at twice this nothing more is taken."""

BAROGRAPH_STORAGE_JOURNAL_ENTRIES: Final = "barograph_storage_journal_entries"
"""Steps written to the journal."""

BAROGRAPH_STORAGE_JOURNAL_SYNCS: Final = "barograph_storage_journal_syncs"
"""Times that the journal was brought to the disk; requests that wait together share one."""

BAROGRAPH_STORAGE_CHECKPOINTS: Final = "barograph_storage_checkpoints"
"""Checkpoints made."""

BAROGRAPH_STORAGE_CHECKPOINT_FAILURES: Final = "barograph_storage_checkpoint_failures"
"""Checkpoints that could not be made."""

BAROGRAPH_STORAGE_CHECKPOINT_AGE: Final = "barograph_storage_checkpoint_age"
"""Time since the newest checkpoint."""

BAROGRAPH_STORAGE_CHECKPOINT_PAUSE: Final = "barograph_storage_checkpoint_pause"
"""How long the newest checkpoint kept telemetry waiting."""

BAROGRAPH_STORAGE_CHECKPOINT_DURATION: Final = "barograph_storage_checkpoint_duration"
"""How long the newest checkpoint took in all."""


METRICS: Final[dict[str, Metric]] = {
    BAROGRAPH_RECEIVER_ACCEPTED_SPANS: Metric(
        BAROGRAPH_RECEIVER_ACCEPTED_SPANS,
        "counter",
        "{span}",
        "Spans taken.",
        (),
    ),
    BAROGRAPH_RECEIVER_REFUSED_SPANS: Metric(
        BAROGRAPH_RECEIVER_REFUSED_SPANS,
        "counter",
        "{span}",
        "Spans not taken for now; the sender was told to send them again.",
        (),
    ),
    BAROGRAPH_RECEIVER_FAILED_SPANS: Metric(
        BAROGRAPH_RECEIVER_FAILED_SPANS,
        "counter",
        "{request}",
        "Requests with spans that could not be read.",
        (),
    ),
    BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS: Metric(
        BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS,
        "counter",
        "{datapoint}",
        "Metric points taken.",
        (),
    ),
    BAROGRAPH_RECEIVER_REFUSED_METRIC_POINTS: Metric(
        BAROGRAPH_RECEIVER_REFUSED_METRIC_POINTS,
        "counter",
        "{datapoint}",
        "Metric points not taken for now; the sender was told to send them again.",
        (),
    ),
    BAROGRAPH_RECEIVER_FAILED_METRIC_POINTS: Metric(
        BAROGRAPH_RECEIVER_FAILED_METRIC_POINTS,
        "counter",
        "{request}",
        "Requests with metric points that could not be read.",
        (),
    ),
    BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS: Metric(
        BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS,
        "counter",
        "{record}",
        "Log records taken.",
        (),
    ),
    BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS: Metric(
        BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS,
        "counter",
        "{record}",
        "Log records not taken for now; the sender was told to send them again.",
        (),
    ),
    BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS: Metric(
        BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS,
        "counter",
        "{request}",
        "Requests with log records that could not be read.",
        (),
    ),
    BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS: Metric(
        BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS,
        "counter",
        "{request}",
        "Requests refused because they carried no token that the receiver knows.",
        (),
    ),
    BAROGRAPH_ENGINE_KEYS: Metric(
        BAROGRAPH_ENGINE_KEYS,
        "gauge",
        "{key}",
        "Monitored series of predictions that are held.",
        (),
    ),
    BAROGRAPH_ENGINE_SOURCES: Metric(
        BAROGRAPH_ENGINE_SOURCES,
        "gauge",
        "{source}",
        "Sources known, summed over keys.",
        (),
    ),
    BAROGRAPH_ENGINE_PANES: Metric(
        BAROGRAPH_ENGINE_PANES,
        "gauge",
        "{pane}",
        "Panes that wait to be folded into windows.",
        (),
    ),
    BAROGRAPH_ENGINE_WINDOWS: Metric(
        BAROGRAPH_ENGINE_WINDOWS,
        "gauge",
        "{window}",
        "Windows that are open or may still be revised.",
        (),
    ),
    BAROGRAPH_ENGINE_PENDING_ENTRIES: Metric(
        BAROGRAPH_ENGINE_PENDING_ENTRIES,
        "gauge",
        "{entry}",
        "Predictions and labels that wait for each other.",
        (),
    ),
    BAROGRAPH_ENGINE_FAILURES: Metric(
        BAROGRAPH_ENGINE_FAILURES,
        "counter",
        "{attempt}",
        "Attempts to advance the engine that failed; the next one may work.",
        (),
    ),
    BAROGRAPH_ENGINE_ACCEPTED_PREDICTIONS: Metric(
        BAROGRAPH_ENGINE_ACCEPTED_PREDICTIONS,
        "counter",
        "{prediction}",
        "Predictions of the outcomes lane that were taken, repeats left out.",
        (),
    ),
    BAROGRAPH_ENGINE_ACCEPTED_LABELS: Metric(
        BAROGRAPH_ENGINE_ACCEPTED_LABELS,
        "counter",
        "{label}",
        "Labels taken, repeats left out.",
        (),
    ),
    BAROGRAPH_ENGINE_JOINED_LABELS: Metric(
        BAROGRAPH_ENGINE_JOINED_LABELS,
        "counter",
        "{label}",
        "Labels that met their prediction.",
        (),
    ),
    BAROGRAPH_EXPORTER_SENT_WINDOWS: Metric(
        BAROGRAPH_EXPORTER_SENT_WINDOWS,
        "counter",
        "{window}",
        "Closed or revised windows that were sent.",
        ("barograph.component",),
    ),
    BAROGRAPH_EXPORTER_SENT_READINGS: Metric(
        BAROGRAPH_EXPORTER_SENT_READINGS,
        "counter",
        "{reading}",
        "Readings sent, repeats included.",
        ("barograph.component",),
    ),
    BAROGRAPH_EXPORTER_FAILED_SENDS: Metric(
        BAROGRAPH_EXPORTER_FAILED_SENDS,
        "counter",
        "{attempt}",
        "Attempts to send that failed.",
        ("barograph.component",),
    ),
    BAROGRAPH_EXPORTER_QUEUE_SIZE: Metric(
        BAROGRAPH_EXPORTER_QUEUE_SIZE,
        "gauge",
        "{window}",
        "Windows that wait to be sent.",
        ("barograph.component",),
    ),
    BAROGRAPH_EXPORTER_QUEUE_CAPACITY: Metric(
        BAROGRAPH_EXPORTER_QUEUE_CAPACITY,
        "gauge",
        "{window}",
        "Windows that may wait to be sent.",
        ("barograph.component",),
    ),
    BAROGRAPH_FORWARD_QUEUE_SIZE: Metric(
        BAROGRAPH_FORWARD_QUEUE_SIZE,
        "gauge",
        "By",
        "Requests that wait to be passed on.",
        (),
    ),
    BAROGRAPH_FORWARD_QUEUE_CAPACITY: Metric(
        BAROGRAPH_FORWARD_QUEUE_CAPACITY,
        "gauge",
        "By",
        "Requests that may wait to be passed on; intake pauses at half of it.",
        (),
    ),
    BAROGRAPH_FORWARD_SENT_REQUESTS: Metric(
        BAROGRAPH_FORWARD_SENT_REQUESTS,
        "counter",
        "{request}",
        "Requests that were passed on.",
        (),
    ),
    BAROGRAPH_FORWARD_FAILED_SENDS: Metric(
        BAROGRAPH_FORWARD_FAILED_SENDS,
        "counter",
        "{attempt}",
        "Attempts to pass a request on that failed.",
        (),
    ),
    BAROGRAPH_PROCESS_UPTIME: Metric(
        BAROGRAPH_PROCESS_UPTIME,
        "gauge",
        "s",
        "Time since the processor started.",
        (),
    ),
    BAROGRAPH_PROCESS_CPU_SECONDS: Metric(
        BAROGRAPH_PROCESS_CPU_SECONDS,
        "counter",
        "s",
        "Time that the processor spent computing, user and system.",
        (),
    ),
    BAROGRAPH_PROCESS_MEMORY_RSS: Metric(
        BAROGRAPH_PROCESS_MEMORY_RSS,
        "gauge",
        "By",
        "Memory of the processor that is resident.",
        (),
    ),
    BAROGRAPH_SERVICE_READY: Metric(
        BAROGRAPH_SERVICE_READY,
        "gauge",
        "{status}",
        "1 while telemetry is taken, 0 before the engine runs, while the storage fails, and while stopping.",
        (),
    ),
    BAROGRAPH_STORAGE_JOURNAL_SIZE: Metric(
        BAROGRAPH_STORAGE_JOURNAL_SIZE,
        "gauge",
        "By",
        "What the journal holds since the last checkpoint.",
        (),
    ),
    BAROGRAPH_STORAGE_JOURNAL_CAPACITY: Metric(
        BAROGRAPH_STORAGE_JOURNAL_CAPACITY,
        "gauge",
        "By",
        "Size of the journal from which on a checkpoint is made; at twice this nothing more is taken.",
        (),
    ),
    BAROGRAPH_STORAGE_JOURNAL_ENTRIES: Metric(
        BAROGRAPH_STORAGE_JOURNAL_ENTRIES,
        "counter",
        "{entry}",
        "Steps written to the journal.",
        (),
    ),
    BAROGRAPH_STORAGE_JOURNAL_SYNCS: Metric(
        BAROGRAPH_STORAGE_JOURNAL_SYNCS,
        "counter",
        "{sync}",
        "Times that the journal was brought to the disk; requests that wait together share one.",
        (),
    ),
    BAROGRAPH_STORAGE_CHECKPOINTS: Metric(
        BAROGRAPH_STORAGE_CHECKPOINTS,
        "counter",
        "{checkpoint}",
        "Checkpoints made.",
        (),
    ),
    BAROGRAPH_STORAGE_CHECKPOINT_FAILURES: Metric(
        BAROGRAPH_STORAGE_CHECKPOINT_FAILURES,
        "counter",
        "{attempt}",
        "Checkpoints that could not be made.",
        (),
    ),
    BAROGRAPH_STORAGE_CHECKPOINT_AGE: Metric(
        BAROGRAPH_STORAGE_CHECKPOINT_AGE,
        "gauge",
        "s",
        "Time since the newest checkpoint.",
        (),
    ),
    BAROGRAPH_STORAGE_CHECKPOINT_PAUSE: Metric(
        BAROGRAPH_STORAGE_CHECKPOINT_PAUSE,
        "gauge",
        "s",
        "How long the newest checkpoint kept telemetry waiting.",
        (),
    ),
    BAROGRAPH_STORAGE_CHECKPOINT_DURATION: Metric(
        BAROGRAPH_STORAGE_CHECKPOINT_DURATION,
        "gauge",
        "s",
        "How long the newest checkpoint took in all.",
        (),
    ),
}
"""Every metric by name."""
