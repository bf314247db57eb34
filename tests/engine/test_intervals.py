"""Sets of integers held as runs."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from barograph_processor.engine.intervals import IntervalSet

numbers = st.lists(st.integers(-20, 20), max_size=60)


@given(added=numbers, forgotten=st.integers(-25, 25))
def test_it_says_what_a_set_would(added: list[int], forgotten: int) -> None:
    runs, plain = IntervalSet(), set[int]()
    for number in added:
        assert runs.add(number) is (number not in plain)
        plain.add(number)
    runs.forget_before(forgotten)
    plain = {number for number in plain if number >= forgotten}
    assert plain == {number for number in range(-30, 30) if number in runs}


@given(added=numbers)
def test_it_holds_no_more_runs_than_there_are(added: list[int]) -> None:
    runs = IntervalSet()
    for number in added:
        runs.add(number)
    plain = sorted(set(added))
    gaps = sum(1 for left, right in pairwise(plain) if right > left + 1)
    assert (gaps + 1 if plain else 0) == len(runs)
