"""How much one request may hold; everything beyond is refused and counted, never truncated in silence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the decoders.

    Attributes:
        max_name_length: Text that names: model, feature, class, category, segment value …; in characters.
        max_id_length: ``ml.inference.id``, in characters.
        max_keys: Distinct (key, source) pairs in one request.
        max_classes: Distinct classes of ``ml.prediction.scores`` in one request.
        max_segments: Distinct segment columns in one request.
        max_score_cells: Rows times score columns of one request.
        max_features: Distinct features of the readable predictions of one request, or of one packed event.
        max_feature_cells: Rows times features of the readable predictions of one request.
        max_buckets: Buckets of one histogram point; of both signs together for exponential ones.
        max_packed_bytes: ``ml.batch.arrow`` as sent.
        max_unpacked_bytes: The same after decompression.
        max_request_unpacked_bytes: All packed events of one request after decompression.
        max_packed_rows: Rows of one packed event.
        max_packed_columns: Columns of one packed event, children of structs included.
        max_cumulative_streams: Cumulative streams whose newest point is remembered between requests.
    """

    max_name_length: int = 256
    max_id_length: int = 256
    max_keys: int = 1_000
    max_classes: int = 1_000
    max_segments: int = 64
    max_score_cells: int = 8_000_000
    max_features: int = 2_000
    max_feature_cells: int = 4_000_000
    max_buckets: int = 4_096
    max_packed_bytes: int = 256 * 1024
    max_unpacked_bytes: int = 16 * 2**20
    max_request_unpacked_bytes: int = 256 * 2**20
    max_packed_rows: int = 100_000
    max_packed_columns: int = 2_200
    max_cumulative_streams: int = 100_000
