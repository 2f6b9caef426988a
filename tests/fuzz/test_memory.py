"""Random programs on the SDK's runtime, with an engine in memory: no database, all the bad luck there is."""

from __future__ import annotations

import os
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz import language
from tests.fuzz.author import Author
from tests.fuzz.language import Ordeal, dump, load, show
from tests.fuzz.memory import endure

EXAMPLES = int(os.environ.get("PGDURABLE_FUZZ_EXAMPLES", "400"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=[Phase.generate, Phase.shrink],
    database=None,
)
@given(st.randoms(use_true_random=False))
def test_what_comes_of_a_program_does_not_depend_on_luck(luck: Random) -> None:
    ordeal = Author(luck).ordeal()
    try:
        endure(ordeal)
    except Exception as error:
        error.add_note(show(ordeal))
        error.add_note(f"to be run again from a file, by python -m tests.fuzz FILE:\n{dump(ordeal)}")
        raise


@given(st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_an_ordeal_can_be_kept_in_a_file(seed: int) -> None:
    ordeal = Author(Random(seed)).ordeal()
    assert load(dump(ordeal)) == ordeal
    assert eval(show(ordeal), dict(vars(language))) == ordeal, "what is shown is Python"


def test_an_ordeal_is_nothing_but_its_seed() -> None:
    assert Author(Random(7)).ordeal() == Author(Random(7)).ordeal() != Author(Random(8)).ordeal()
    assert isinstance(Author(Random(7)).ordeal(), Ordeal)
