"""Batches as bytes, so that what was taken once can be taken again after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from barograph.errors import StateError
from barograph_processor.engine.batch import (
    FeatureColumn,
    Features,
    Key,
    KnownTruth,
    Point,
    Points,
    Predictions,
    Texts,
    Truths,
)
from barograph_processor.signals import codec
from barograph_processor.signals.api import StreamId  # noqa: TC001 msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch


class IdsImage(msgspec.Struct, frozen=True, array_like=True):
    """Ids; those that are no valid Unicode by their place."""

    valid: list[str | None]
    odd: dict[int, bytes]


class TextsImage(msgspec.Struct, frozen=True, array_like=True):
    """`Texts`."""

    codes: bytes
    values: tuple[str, ...]


class FeaturesImage(msgspec.Struct, frozen=True, array_like=True):
    """`Features`: name to numbers and texts."""

    columns: dict[str, tuple[bytes, TextsImage | None]]
    given: bytes | None


class PointsImage(msgspec.Struct, frozen=True, array_like=True, tag="points"):
    """`Points`; keys and sources are named by their place in a list, edges by the place of their points."""

    keys: list[Key]
    sources: list[str]
    points: list[tuple[int, int, StreamId, str, int, int, int, bytes]]
    edges: dict[int, str] = {}


class KnownTruthImage(msgspec.Struct, frozen=True, array_like=True):
    """`KnownTruth`."""

    known: bytes
    observed_ns: bytes
    classes: TextsImage
    value: bytes


class PredictionsImage(msgspec.Struct, frozen=True, array_like=True, tag="predictions"):
    """`Predictions`."""

    key: Key
    source: str
    ids: IdsImage
    time_ns: bytes
    classes: TextsImage
    score: bytes
    scores: bytes
    score_classes: tuple[str, ...]
    value: bytes
    segments: dict[str, TextsImage]
    features: FeaturesImage | None
    truth: KnownTruthImage | None


class TruthsImage(msgspec.Struct, frozen=True, array_like=True, tag="truths"):
    """`Truths`."""

    tenant: str
    model: str
    version: str | None
    output: str
    ids: IdsImage
    time_ns: bytes
    classes: TextsImage
    value: bytes
    pair: PredictionsImage | None


BatchImage = PointsImage | PredictionsImage | TruthsImage

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[BatchImage]).decode


def encode_batches(batches: Sequence[Batch]) -> bytes:
    """The bytes that `decode_batches` turns back into equal batches."""
    return _encode([_image(batch) for batch in batches])


def decode_batches(data: bytes) -> list[Batch]:
    """The batches that the bytes hold.

    Raises:
        StateError: The bytes are damaged, or of another version.
    """
    try:
        return [_batch(image) for image in _decode(data)]
    except (msgspec.DecodeError, ValueError, IndexError) as error:
        raise StateError(f"no batches can be read from these bytes: {error}") from error


def _image(batch: Batch) -> BatchImage:
    if isinstance(batch, Points):
        return _points_image(batch)
    if isinstance(batch, Predictions):
        return _predictions_image(batch)
    return TruthsImage(
        tenant=batch.tenant,
        model=batch.model,
        version=batch.version,
        output=batch.output,
        ids=_ids_image(batch.ids),
        time_ns=_bytes(batch.time_ns, "<i8"),
        classes=_texts_image(batch.classes),
        value=_bytes(batch.value, "<f8"),
        pair=None if batch.pair is None else _predictions_image(batch.pair),
    )


def _batch(image: BatchImage) -> Batch:
    if isinstance(image, PointsImage):
        return _points(image)
    if isinstance(image, PredictionsImage):
        return _predictions(image)
    return Truths(
        tenant=image.tenant,
        model=image.model,
        version=image.version,
        output=image.output,
        ids=_ids(image.ids),
        time_ns=_times(image.time_ns),
        classes=_texts(image.classes),
        value=_doubles(image.value),
        pair=None if image.pair is None else _predictions(image.pair),
    )


def _points_image(batch: Points) -> PointsImage:
    keys: dict[Key, int] = {}
    sources: dict[str, int] = {}
    points = [
        (
            keys.setdefault(point.key, len(keys)),
            sources.setdefault(point.source, len(sources)),
            point.stream,
            point.item,
            point.start_ns,
            point.end_ns,
            point.pane_ns,
            point.state.to_bytes(),
        )
        for point in batch.points
    ]
    edges = {place: point.edge for place, point in enumerate(batch.points) if point.edge}
    return PointsImage(list(keys), list(sources), points, edges)


def _points(image: PointsImage) -> Points:
    keys, sources = image.keys, image.sources
    return Points(
        [
            Point(
                keys[key],
                sources[source],
                stream,
                item,
                start,
                end,
                pane,
                codec.decode(state),
                image.edges.get(place, ""),
            )
            for place, (key, source, stream, item, start, end, pane, state) in enumerate(image.points)
        ]
    )


def _predictions_image(batch: Predictions) -> PredictionsImage:
    return PredictionsImage(
        key=batch.key,
        source=batch.source,
        ids=_ids_image(batch.ids),
        time_ns=_bytes(batch.time_ns, "<i8"),
        classes=_texts_image(batch.classes),
        score=_bytes(batch.score, "<f8"),
        scores=_bytes(batch.scores, "<f8"),
        score_classes=batch.score_classes,
        value=_bytes(batch.value, "<f8"),
        segments={name: _texts_image(column) for name, column in batch.segments.items()},
        features=None if batch.features is None else _features_image(batch.features),
        truth=None if batch.truth is None else _truth_image(batch.truth),
    )


def _predictions(image: PredictionsImage) -> Predictions:
    scores = _doubles(image.scores)
    return Predictions(
        key=image.key,
        source=image.source,
        ids=_ids(image.ids),
        time_ns=_times(image.time_ns),
        classes=_texts(image.classes),
        score=_doubles(image.score),
        scores=scores.reshape(len(image.ids.valid), len(image.score_classes)),
        score_classes=image.score_classes,
        value=_doubles(image.value),
        segments={name: _texts(column) for name, column in image.segments.items()},
        features=None if image.features is None else _features(image.features),
        truth=None if image.truth is None else _truth(image.truth),
    )


def _truth_image(truth: KnownTruth) -> KnownTruthImage:
    return KnownTruthImage(
        known=_bytes(truth.known, "?"),
        observed_ns=_bytes(truth.observed_ns, "<i8"),
        classes=_texts_image(truth.classes),
        value=_bytes(truth.value, "<f8"),
    )


def _truth(image: KnownTruthImage) -> KnownTruth:
    return KnownTruth(
        known=_flags(image.known),
        observed_ns=_times(image.observed_ns),
        classes=_texts(image.classes),
        value=_doubles(image.value),
    )


def _features_image(features: Features) -> FeaturesImage:
    return FeaturesImage(
        {
            name: (
                _bytes(column.numbers, "<f8"),
                None if column.texts is None else _texts_image(column.texts),
            )
            for name, column in features.columns.items()
        },
        None if features.given is None else _bytes(features.given, "?"),
    )


def _features(image: FeaturesImage) -> Features:
    columns: Mapping[str, FeatureColumn] = {
        name: FeatureColumn(_doubles(numbers), None if texts is None else _texts(texts))
        for name, (numbers, texts) in image.columns.items()
    }
    return Features(columns, None if image.given is None else _flags(image.given))


def _ids_image(ids: Sequence[str | None]) -> IdsImage:
    ids = list(ids)
    if _is_unicode("".join(filter(None, ids))):
        return IdsImage(ids, {})
    odd = {
        place: one.encode("utf-8", "surrogatepass")
        for place, one in enumerate(ids)
        if one is not None and not _is_unicode(one)
    }
    return IdsImage([None if place in odd else one for place, one in enumerate(ids)], odd)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ids(image: IdsImage) -> list[str | None]:
    for place, data in image.odd.items():
        image.valid[place] = data.decode("utf-8", "surrogatepass")
    return image.valid


def _texts_image(texts: Texts) -> TextsImage:
    return TextsImage(_bytes(texts.codes, "<i4"), texts.values)


def _texts(image: TextsImage) -> Texts:
    return Texts(np.frombuffer(image.codes, "<i4").astype(np.int32), image.values)


def _bytes(column: NDArray[np.generic], kind: str) -> bytes:
    return column.astype(kind, copy=False).tobytes()


def _doubles(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, "<f8").astype(np.float64)


def _times(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(data, "<i8").astype(np.int64)


def _flags(data: bytes) -> NDArray[np.bool_]:
    return np.frombuffer(data, "?").astype(np.bool_)
