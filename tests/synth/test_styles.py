import pytest

from vsda.errors import ManifestError, UnknownNameError, UsageError
from vsda.synth.styles import (
    IMAGE_STYLE,
    Style,
    faults,
    read_styles,
    settings_of,
    style_named,
    styles,
)


def write_table(path, *rows):
    header = ["# made for a test", "style\tsetting\tvalue"]
    path.write_text("\n".join([*header, *("\t".join(row) for row in rows)]) + "\n")
    return path


PURE = ("gain", "light", "blur", "resolution", "compression", "framing", "diversity")


def test_there_are_seven_kinds_of_gap_mixtures_and_a_control():
    assert tuple(styles()) == (*PURE, "lowres", "dim", "full", "none")


def test_kinds_other_than_light_share_no_setting():
    settings = [settings_of(style_named(name)) for name in PURE if name != "light"]
    assert len({key for one in settings for key in one}) == sum(map(len, settings))


def test_every_style_is_described_in_the_same_order():
    assert tuple(faults()) == tuple(styles())
    assert all(faults().values())


def test_joined_styles_have_the_settings_of_both():
    both = style_named("gain+blur+none")
    gain, blur = style_named("gain"), style_named("blur")
    assert settings_of(both) == settings_of(gain) | settings_of(blur)


def test_joined_styles_that_disagree_are_refused():
    with pytest.raises(UsageError, match=r"'gain[+]light': 'light' and one before.* gain_stops"):
        style_named("gain+light")


def test_an_unknown_style_among_joined_ones_is_refused():
    with pytest.raises(UnknownNameError, match=r"unknown style 'blurr'\. Did you mean 'blur'"):
        style_named("gain+blurr")


def test_none_is_how_images_are_taken():
    assert style_named("none") == IMAGE_STYLE


def test_dim_keeps_its_resolution():
    assert style_named("dim").lowres_factor == 1


@pytest.mark.parametrize("name", styles())
def test_without_severity_every_style_is_how_images_are_taken(name):
    assert style_named(name).at(0.0) == IMAGE_STYLE


@pytest.mark.parametrize("name", styles())
def test_at_full_severity_a_style_is_itself(name):
    assert style_named(name).at(1.0) == style_named(name)


def test_half_severity_is_half_way():
    style = Style(gain_stops=-2, shutter_share=0.8, lowres_factor=3, h264_crf=32)
    assert style.at(0.5) == Style(gain_stops=-1, shutter_share=0.4, lowres_factor=2, h264_crf=22)


@pytest.mark.parametrize("severity", [-0.1, 1.1, float("nan")])
def test_a_severity_outside_0_to_1_is_refused(severity):
    with pytest.raises(UsageError, match=r"severity must lie in \[0, 1\], got"):
        IMAGE_STYLE.at(severity)


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"unknown style 'dimm'. Did you mean 'dim'"):
        style_named("dimm")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"framing": 1.5}, r"framing must lie in \[0, 1\], got 1.5"),
        ({"untypical": -0.5}, r"untypical must lie in \[0, 1\], got -0.5"),
        ({"repeats": float("nan")}, r"repeats must lie in \[0, 1\], got nan"),
        ({"shutter_share": -0.1}, r"shutter_share must lie in \[0, 8\], got -0.1"),
        ({"shutter_share": 8.5}, r"shutter_share must lie in \[0, 8\], got 8.5"),
        ({"noise_read": -1}, "blur and noise"),
        ({"lowres_factor": 0.5}, "lowres_factor must be at least 1"),
        ({"h264_crf": 52}, r"h264_crf must lie in \[12, 51\]"),
    ],
)
def test_a_setting_out_of_range_is_refused(setting, message):
    with pytest.raises(ManifestError, match=message):
        Style(**setting)


def test_an_unknown_setting_is_refused_with_its_line(tmp_path):
    table = write_table(tmp_path / "styles.tsv", ["dim", "gain_stop", "-1"])
    with pytest.raises(ManifestError, match=r"styles.tsv:3: unknown setting.*mean 'gain_stops'"):
        read_styles(table)


def test_a_setting_given_twice_is_refused(tmp_path):
    row = ["dim", "gain_stops", "-1"]
    with pytest.raises(ManifestError, match="dim has gain_stops twice"):
        read_styles(write_table(tmp_path / "styles.tsv", row, row))


def test_a_broken_rate_factor_is_refused_with_its_line(tmp_path):
    table = write_table(tmp_path / "styles.tsv", ["dim", "h264_crf", "23.5"])
    with pytest.raises(ManifestError, match=r"styles.tsv:3: invalid literal"):
        read_styles(table)
