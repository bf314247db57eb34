"""What the processor holds and takes at most; docs/limits.md tells what happens beyond."""

from __future__ import annotations

from typing import Annotated

import msgspec

from barograph_processor.wire.limits import Limits as Decoding

Count = Annotated[int, msgspec.Meta(ge=1)]


class RequestLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request may hold.

    Attributes:
        name_length: Characters of a name: model, version, feature, class, category, segment value …
        id_length: Characters of an ``ml.inference.id``.
        keys: Distinct models (versions, outputs, sources) of one request.
        classes: Distinct classes of ``ml.prediction.scores``.
        segments: Distinct columns of ``ml.segments``.
        score_cells: Rows times classes of ``ml.prediction.scores``.
        features: Distinct features of readable predictions, or of one packed event.
        feature_cells: Rows times features of readable predictions.
        buckets: Buckets of one histogram point.
        packed_bytes: A packed event as it was sent.
        unpacked_bytes: A packed event after decompression.
        request_unpacked_bytes: All packed events of one request after decompression.
        packed_rows: Rows of one packed event.
        packed_columns: Columns of one packed event, those inside structs included.
    """

    name_length: Count = 256
    id_length: Count = 256
    keys: Count = 1_000
    classes: Count = 1_000
    segments: Count = 64
    score_cells: Count = 8_000_000
    features: Count = 2_000
    feature_cells: Count = 4_000_000
    buckets: Count = 4_096
    packed_bytes: Count = 262_144
    unpacked_bytes: Count = 16_777_216
    request_unpacked_bytes: Count = 268_435_456
    packed_rows: Count = 100_000
    packed_columns: Count = 2_200


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is held and taken at most; more is refused or let go of early, and counted.

    Attributes:
        keys: Models held, each version, output, namespace and environment for itself.
        features: Features of one of them.
        sources: Sources of one of them.
        segment_values: Values of a segment column in a window; the rest become ``__other__``.
        windows: Windows of one model that are held for their labels and late data.
        panes: Panes of one model that wait for their windows.
        pane_rows: Rows of one model that wait in panes.
        counted_panes: Panes, by source, whose rows stand in for histograms that may still come.
        feature_bytes: Estimated memory of the features of one model that wait in panes, and of those that
            stand in for histograms.
        slices: Runs of points of one model that are remembered to recognise repeats.
        cumulative_streams: Cumulative metric streams whose last point is remembered.
        request: What one request may hold.
    """

    keys: Count = 1_000
    features: Count = 2_000
    sources: Count = 1_000
    segment_values: Count = 20
    windows: Count = 20_000
    panes: Count = 10_000
    pane_rows: Count = 2_000_000
    counted_panes: Count = 20_000
    feature_bytes: Count = 134_217_728
    slices: Count = 1_000_000
    cumulative_streams: Count = 100_000
    request: RequestLimits = RequestLimits()

    @property
    def decoding(self) -> Decoding:
        """What the decoders are told."""
        parts = {f"max_{name}": value for name, value in msgspec.structs.asdict(self.request).items()}
        return Decoding(**parts, max_cumulative_streams=self.cumulative_streams)
