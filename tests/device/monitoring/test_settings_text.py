from decimal import Decimal

from mnist_edge.monitoring.settings_keys import keys
from mnist_edge.monitoring.settings_text import format_settings, format_value, kind_words
from tests.support.settings import HERE, SETTINGS, Whole


def test_every_key_is_explained_and_defaults_are_commented_out() -> None:
    text = format_settings(Whole(count=4), folder=HERE)
    assert "# How many.\ncount = 4\n" in text
    assert '# How long.\n# wait = "1m"\n' in text
    assert '# One part.\n# [one]\n# What it is called.\n# name = "a"\n' in text
    for key in keys(Whole):
        assert key.help in text


def test_values_are_written_as_toml_and_paths_below_the_folder_relative_to_it() -> None:
    text = format_settings(SETTINGS, folder=HERE)
    assert '\nwait = "90s"\n' in text
    assert '\nfile = "a.jpg"\n' in text
    assert "\nlimit = 0.10\n" in text
    assert format_value(('a "b"', "c\\d\n")) == '["a \\"b\\"", "c\\\\d\\U0000000A"]'
    assert format_value(Decimal("0.10")) == "0.10"


def test_kinds_are_described_for_people() -> None:
    kinds = {key.name: kind_words(key.kind) for key in keys(Whole)}
    assert kinds["wait"] == 'duration, such as "10s"'
    assert kinds["box"] == "list of 2: whole number"
    assert kinds["file"] == "path"
    assert kinds["part"] == "list of: table"
    assert format_value(1.0) == "1.0"
