import dataclasses

from mnist_edge.monitoring.settings_keys import keys
from tests.support.settings import Part, Whole


def test_keys_come_in_the_order_of_the_fields_with_their_help() -> None:
    known = {key.name: key for key in keys(Whole)}
    assert list(known) == [
        *("count", "share", "wait", "mode", "box", "words", "file", "on", "part", "one")
    ]
    assert known["count"].help == "How many."
    assert known["count"].default == 3
    assert known["box"].example == "[1, 2]"
    assert known["part"].field == "parts"


def test_a_key_without_a_default_must_be_written() -> None:
    name, limit = keys(Part)
    assert name.default is dataclasses.MISSING
    assert limit.default is None


def test_tables_and_arrays_of_tables_are_told_from_values() -> None:
    known = {key.name: key for key in keys(Whole)}
    assert (known["one"].table, known["one"].array) == (Part, None)
    assert (known["part"].table, known["part"].array) == (None, Part)
    assert (known["words"].table, known["words"].array) == (None, None)
    # What may be absent has the kind that it has when it is there.
    assert known["file"].kind.__name__ == "Path"
