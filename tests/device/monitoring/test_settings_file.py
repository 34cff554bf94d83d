from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.settings_file import load_settings, parse_settings, save_settings
from mnist_edge.monitoring.settings_text import format_settings
from tests.support.settings import HERE, SETTINGS, Part, Whole


def parse(text: str) -> Whole:
    return parse_settings(text.encode(), Whole, name="watch.toml", folder=HERE)


def test_values_of_every_kind_are_read() -> None:
    settings = parse(
        """
        count = 4
        share = 1
        wait = "5m"
        mode = "slow"
        box = [10, 20]
        words = ["a", "b c"]
        file = "reference.jpg"
        on = true
        [[part]]
        name = "first"
        limit = 0.1
        [[part]]
        name = "second"
        [one]
        name = "only"
        """
    )
    assert settings == Whole(
        count=4,
        share=1.0,
        wait=300.0,
        mode="slow",
        box=(10, 20),
        words=("a", "b c"),
        file=HERE / "reference.jpg",
        on=True,
        parts=(Part(name="first", limit=Decimal("0.1")), Part(name="second")),
        one=Part(name="only"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cuont = 4", "'cuont' (did you mean 'count'?)"),
        ("[[part]]\nnmae = 'a'", "part.1: there is no key 'nmae' (did you mean 'name'?)"),
        ("[[part]]", "part.1: 'name' is missing (What it is called.)"),
        ("[one]\nname = ''", "one: name: is empty"),
        ("count = 'four'", "count: 'four': expected whole number"),
        ("count = 4.0", "count: 4.0: expected whole number"),
        ("count = true", "count: True: expected whole number"),
        ("share = inf", "share: inf: expected number"),
        ("share = nan", "share: nan: expected number"),
        ("wait = '5 years'", "wait: '5 years' is no duration"),
        ("mode = 'slwo'", "mode: 'slwo' is no choice (did you mean 'slow'?)"),
        ("mode = 1", 'mode: 1: expected "fast" or "slow"'),
        ("box = [1, 2, 3]", "box: [1, 2, 3]: expected list of 2: whole number"),
        ("box = [1, 'x']", "box.2: 'x': expected whole number"),
        ("words = 'a'", "words: 'a': expected list of: text"),
        ("one = 1", "one: 1: expected table"),
        ("part = [1]", "part.1: 1: expected table"),
        ("[part]\nname = 'a'", "part: there may be several: write [[part]] for [part]"),
        ("count =", "is not TOML"),
        (f"count = {'9' * 5000}", "is not TOML"),
        (f"count = 0x{'f' * 5000}", "count: a number: expected whole number"),
        (f"share = 1{'0' * 400}", "expected number"),
        (f"mode = '{'x' * 5000}'", "xxx...xxx"),
        (f"wait = '{'9' * 400}s'", "is longer than a century"),
        ("file = '~no such user/x'", "file: '~no such user/x': expected path"),
        ("[one]\nname = 'a'\nlimit = '1e999999999'", "one.limit: '1e999999999': expected number"),
        ("[one]\nname = 'a'\nlimit = 'nan'", "one.limit: 'nan': expected number"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    assert str(caught.value).startswith("watch.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_binary_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="is not TOML"):
        parse_settings(b"\xff\xfe", Whole, name="watch.toml", folder=HERE)
    with pytest.raises(InvalidValue, match=r"cannot read .*watch --init"):
        load_settings(tmp_path / "none.toml", Whole)
    with pytest.raises(InvalidValue, match="is not a file of settings"):
        parse_settings(b" " * 1_000_001, Whole, name="watch.toml", folder=HERE)


def test_settings_are_read_as_they_were_written() -> None:
    assert parse(format_settings(SETTINGS, folder=HERE)) == SETTINGS
    assert parse(format_settings(Whole(), folder=HERE)) == Whole()


def test_a_path_that_is_not_set_is_in_the_folder_of_the_file_too() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Kept:
        path: Path = field(default=Path("kept.db"), metadata={"help": "Where."})

    assert parse_settings(b"", Kept, name="a", folder=HERE).path == HERE / "kept.db"


def test_the_previous_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    path.write_text("count = 1\n")
    save_settings(path, Whole(count=2, file=tmp_path / "a.jpg"))
    assert load_settings(path, Whole).count == 2
    assert 'file = "a.jpg"' in path.read_text()
    assert (tmp_path / "watch.toml.old").read_text() == "count = 1\n"
