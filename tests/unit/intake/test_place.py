"""The same place and number hash alike however they are written, and say nothing by themselves."""

import pytest

from divert_intake.domain.place import cell, hashed_line, hashed_place

KEY = b"k" * 32


@pytest.mark.parametrize(
    "address",
    ["1200 South Vermont Avenue", "1200 S. VERMONT AVE", "  1200  s  vermont av, ", "1200 S Vermont Ave\n"],
)
def test_an_address_hashes_alike_however_it_is_written(address: str) -> None:
    assert hashed_place(KEY, address) == hashed_place(KEY, "1200 s vermont ave")


def test_another_house_hashes_otherwise() -> None:
    assert hashed_place(KEY, "1202 S Vermont Ave") != hashed_place(KEY, "1200 S Vermont Ave")


@pytest.mark.parametrize("number", ["+1 (213) 555-0142", "213.555.0142", "12135550142", "213 555 0142"])
def test_a_number_hashes_alike_however_it_is_written(number: str) -> None:
    assert hashed_line(KEY, number) == hashed_line(KEY, "2135550142")


@pytest.mark.parametrize("number", ["", "none", "911", "ext 12"])
def test_too_few_digits_are_no_number(number: str) -> None:
    assert hashed_line(KEY, number) is None


def test_an_address_without_a_word_is_none() -> None:
    assert hashed_place(KEY, " , ") is None


def test_hashes_need_the_key() -> None:
    assert hashed_place(KEY, "1 Main St") != hashed_place(b"j" * 32, "1 Main St")
    assert hashed_place(KEY, "2135550142") != hashed_line(KEY, "2135550142")


def test_points_some_steps_apart_are_in_one_cell_or_in_neighbours() -> None:
    row, column = map(int, cell(34.0489, -118.2916).split(":"))
    for latitude, longitude in ((34.0502, -118.2916), (34.0489, -118.2932), (34.0476, -118.2900)):
        other_row, other_column = map(int, cell(latitude, longitude).split(":"))
        assert abs(other_row - row) <= 1
        assert abs(other_column - column) <= 1


def test_a_cell_is_about_150_metres_wide() -> None:
    south, north = (int(cell(latitude, -118.25).split(":")[0]) for latitude in (34.0, 34.1))
    west, east = (int(cell(34.05, longitude).split(":")[1]) for longitude in (-118.3, -118.2))
    assert north - south == pytest.approx(11_132 / 150, abs=1)
    assert east - west == pytest.approx(9_223 / 150, abs=1)
