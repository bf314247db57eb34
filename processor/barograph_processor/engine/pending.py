"""One id's record in the pending store: what was predicted under it, and what turned out to be true."""

from __future__ import annotations

from typing import Final

import msgspec

from barograph_processor.engine.batch import Key

COUNTED: Final = 1  # the prediction came by the outcomes lane and counts as a row
LABELLED: Final = 2  # its truth is known and was handed on
FEATURED: Final = 4  # its features came by the rows lane and were counted
MAX_ENTRIES: Final = 64  # predictions, and labels, of one id


class Prediction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a label needs of its prediction. Equal predictions have equal bytes.

    Attributes:
        origin: Encoded `Origin`; shared by a batch, so it is encoded and decoded once.
        time_ns: Event time.
        predicted_class: Class as text, None where absent.
        score: Probability of the positive class, NaN where absent.
        value: Predicted number, NaN where absent.
        scores: Probability of each of the origin's classes, None where absent.
        segments: Value of each configured segment column, None where there are no columns.
    """

    origin: bytes
    time_ns: int
    predicted_class: str | None
    score: float
    value: float
    scores: tuple[float, ...] | None
    segments: tuple[str | None, ...] | None


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """What all predictions of a batch have in common, beyond tenant and model."""

    namespace: str
    environment: str
    version: str
    output: str
    score_classes: tuple[str, ...]

    @property
    def key_parts(self) -> tuple[str, str, str, str]:
        """The parts of the key that the join key leaves open."""
        return self.namespace, self.environment, self.version, self.output


class Label(msgspec.Struct, array_like=True, gc=False):
    """One ground truth.

    Attributes:
        version: None where it joins every version.
        output: Name of the output it is about.
        time_ns: When it was observed.
        truth_class: The class as text, None where the truth is a number alone.
        value: The number, NaN where the truth is a class alone.
        joined: Whether it has met a prediction.
    """

    version: str | None
    output: str
    time_ns: int
    truth_class: str | None
    value: float
    joined: bool

    def about(self, origin: Origin) -> bool:
        """Whether the label is about predictions of this origin."""
        return self.output == origin.output and (self.version is None or self.version == origin.version)

    def same_truth(self, other: Label) -> bool:
        """Whether both say the same, whenever it was observed."""
        if self.truth_class is not None or other.truth_class is not None:
            return self.truth_class == other.truth_class
        return self.value == other.value


class Record(msgspec.Struct, array_like=True):
    """Everything that is pending or remembered under one id.

    Attributes:
        predictions: Encoded `Prediction` and its flags.
        labels: The labels taken.
    """

    predictions: list[tuple[bytes, int]]
    labels: list[Label]


encode: Final = msgspec.msgpack.Encoder().encode
decode_record: Final = msgspec.msgpack.Decoder(Record).decode
decode_prediction: Final = msgspec.msgpack.Decoder(Prediction).decode
_decode_origin: Final = msgspec.msgpack.Decoder(Origin).decode


class Origins:
    """Origins by their encoded form, and keys by origin, so that each is made once."""

    __slots__ = ("_keys", "_known")
    _MOST = 4_096

    def __init__(self) -> None:
        self._known: dict[bytes, Origin] = {}
        self._keys: dict[tuple[str, str, bytes], Key] = {}

    def of(self, encoded: bytes) -> Origin:
        """The origin that was encoded."""
        origin = self._known.get(encoded)
        if origin is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            origin = self._known[encoded] = _decode_origin(encoded)
        return origin

    def key(self, tenant: str, model: str, encoded: bytes) -> Key:
        """Whose predictions of that origin are."""
        key = self._keys.get((tenant, model, encoded))
        if key is None:
            if len(self._keys) >= self._MOST:
                self._keys.clear()
            origin = self.of(encoded)
            key = Key(tenant, origin.namespace, origin.environment, model, origin.version, origin.output)
            self._keys[tenant, model, encoded] = key
        return key
