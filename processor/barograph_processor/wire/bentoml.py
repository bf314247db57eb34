"""BentoML's monitoring logs as its OTLP monitor sends them.

A record's body is a map: the columns that a service logged, ``timestamp``, ``request_id``,
``trace_id``, and, in every record unless ``meta_sample_rate`` says otherwise, ``bento_meta`` with the
names of bento and monitor and each column's role (feature, prediction, target) and type
(numerical, categorical, numerical_sequence). A batch gives one record a row, all with one request id.

Source: BentoML 1.4.40, ``src/bentoml/_internal/monitoring/otlp.py`` and ``base.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph_processor.wire import mapped, reasons
from barograph_processor.wire.bentoml_schema import REQUEST, UNKNOWN, Config, mappings_of
from barograph_processor.wire.foreign import LOGS
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.text import encode_texts
from barograph_processor.wire.values import MAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch
    from barograph_processor.wire.decode import DecodeContext
    from barograph_processor.wire.foreign import Foreign

SCOPE: Final = "bentoml_monitor_data"  # the logger's name; older SDKs have the handler's module instead
META: Final = "bento_meta"


class BentoML:
    """The dialect.

    Attributes:
        name: ``bentoml``.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.name = "bentoml"
        self._config = config or Config()

    def claims(self, records: Foreign) -> NDArray[np.bool_]:
        """As `Dialect.claims`."""
        claimed = np.zeros(len(records), bool)
        if records.signal != LOGS:
            return claimed
        ours = pc.equal(records.scopes, SCOPE).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        claimed |= ours[records.scope_of]
        if not claimed.all() and META in records.body.keys:
            claimed |= records.body.naming((META,), np.arange(len(records)))
        return claimed

    def read(
        self, records: Foreign, rows: NDArray[np.int64], context: DecodeContext, verdicts: Refusals
    ) -> list[Batch]:
        """As `Dialect.read`."""
        body = records.body.select(tuple(dict.fromkeys((META, self._config.id))), rows)
        described = np.flatnonzero(body.kinds(META) == MAP)
        metas = pa.array(body.values.opaque(MAP, body.positions(META)[described]), pa.binary())
        encoded = metas.dictionary_encode()
        meta_of = np.full(len(rows), -1, np.int64)
        meta_of[described] = encoded.indices.to_numpy(zero_copy_only=False)
        _inherit(meta_of, records.scope_of[rows])
        verdicts.refuse(meta_of < 0, reasons.NO_SCHEMA)
        verdicts.refuse(meta_of >= context.limits.max_keys, reasons.TOO_MANY_KEYS)
        ids, bad = body.texts(self._config.id)
        verdicts.refuse(bad, reasons.BAD_TYPE)
        if self._config.id == REQUEST:
            ids = _told_apart(ids, records.end_ns[rows])
        batches: list[Batch] = []
        for code, meta in enumerate(encoded.dictionary.to_pylist()[: context.limits.max_keys]):
            mine = np.flatnonzero((meta_of == code) & verdicts.taken)
            if mine.size:
                found = Refusals(len(mine))
                batches += self._alike(meta, records, rows[mine], ids.take(pa.array(mine)), context, found)
                found.pass_on(mine, verdicts)
        return batches

    def _alike(  # noqa: PLR0913, PLR0917  # as `mapped.read`
        self,
        meta: bytes,
        records: Foreign,
        rows: NDArray[np.int64],
        ids: pa.StringArray,
        context: DecodeContext,
        verdicts: Refusals,
    ) -> list[Batch]:
        """Rows of one schema: each output is a mapping of its own."""
        mappings = mappings_of(meta, self._config)
        if not mappings:
            verdicts.refuse(verdicts.taken, reasons.NO_SCHEMA)
        silent = np.ones(len(rows), bool)
        batches: list[Batch] = []
        for mapping in mappings:
            found = Refusals(len(rows))
            batches += mapped.read(mapping, records, rows, context, found, ids=ids)
            silent &= found.refused_as(reasons.SAYS_NOTHING)
            found.pass_on(np.arange(len(rows)), verdicts, except_for=reasons.SAYS_NOTHING)
        verdicts.refuse(silent, reasons.SAYS_NOTHING)
        return batches


def _inherit(meta_of: NDArray[np.int64], scope_of: NDArray[np.int64]) -> None:
    """Give rows without description the one that all others of their scope have, where they agree."""
    lacking = meta_of < 0
    for scope in np.unique(scope_of[lacking]).tolist():
        found = np.unique(meta_of[(scope_of == scope) & ~lacking])
        if len(found) == 1:
            meta_of[(scope_of == scope) & lacking] = found[0]


def _told_apart(ids: pa.StringArray, time_ns: NDArray[np.int64]) -> pa.StringArray:
    """Request ids as ids of rows: those of a batch get the record's time, by which repeats stay equal."""
    encoded = encode_texts(ids)
    times = np.bincount(encoded.codes + 1, minlength=len(encoded.values) + 1)
    named: list[str | None] = []
    for code, at in zip(encoded.codes.tolist(), time_ns.tolist(), strict=True):
        if code < 0 or encoded.values[code] in UNKNOWN:
            named.append(None)
        else:
            text = encoded.values[code]
            named.append(text if times[code + 1] == 1 else f"{text}/{at}")
    return pa.array(named, pa.string())
