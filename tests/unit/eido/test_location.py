"""PIDF-LO: addresses and points out of it, and nothing else that XML can do."""

import time

import pytest

from divert_eido.location import Place, comment, pidf, place, root

GML = 'xmlns:gml="http://www.opengis.net/gml" xmlns:gs="http://www.opengis.net/pidflo/1.0"'
CIVIC = 'xmlns="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"'


def presence(inside: str, head: str = "") -> str:
    return f'{head}<presence xmlns="urn:ietf:params:xml:ns:pidf" {GML}><tuple>{inside}</tuple></presence>'


def civic(**members: str) -> str:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in members.items())
    return f"<civicAddress {CIVIC}>{inside}</civicAddress>"


def shape(name: str, position: str, more: str = "", srs: str = "urn:ogc:def:crs:EPSG::4326") -> str:
    return f'<{name} srsName="{srs}"><gml:pos>{position}</gml:pos>{more}</{name}>'


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        (civic(country="US", A3="Wilmington", PRD="W", RD="Cellular", STS="Street", HNO="42"), "42 W Cellular Street"),
        (civic(HNO="1200", HNS="B", RD="Vermont", STS="Ave", POD="S"), "1200B Vermont Ave S"),
        (civic(LOC="behind the   library"), "behind the library"),
        (civic(A3="Los Angeles"), "Los Angeles"),
    ],
)
def test_an_address_is_what_one_would_write_on_a_letter(inside: str, found: str) -> None:
    assert place(presence(inside)) == Place(found, None, None, None, None)


def test_the_floor_and_the_room_are_told_apart() -> None:
    read = place(presence(civic(HNO="1", RD="Main", BLD="C", FLR="3", ROOM="12")))
    assert read is not None
    assert (read.street, read.inside) == ("1 Main", "C, 3, 12")


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        (shape("gml:Point", "34.0489 -118.2916"), (34.0489, -118.2916, None)),
        (shape("gml:Point", "34.0489 -118.2916 71", srs="urn:ogc:def:crs:EPSG::4979"), (34.0489, -118.2916, None)),
        (shape("gs:Circle", "34 -118", "<gs:radius>250</gs:radius>"), (34.0, -118.0, 250.0)),
        (shape("gs:Ellipse", "34 -118"), (34.0, -118.0, None)),
    ],
)
def test_a_point_is_where_the_target_most_likely_is(inside: str, found: tuple[float, float, float | None]) -> None:
    read = place(presence(inside))
    assert read is not None
    assert read[2:] == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not xml",
        "<presence",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        presence(civic()),
        presence(shape("gml:Point", "91 0")),
        presence(shape("gml:Point", "NaN 0")),
        presence(shape("gml:Point", "34")),
        presence(shape("gml:Point", "north west")),
        presence(shape("gml:Point", "34 -118", srs="urn:ogc:def:crs:EPSG::3310")),
        presence(shape("gs:ArcBand", "34 -118")),
        "<presence>\x00</presence>",
        "<presence>\ud800</presence>",
    ],
)
def test_what_says_of_no_place_is_none(text: str) -> None:
    assert place(text) is None


LAUGHS = "<!DOCTYPE lolz [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + number)} '{f'&{chr(97 + number)};' * 10}'>" for number in range(9)
)


@pytest.mark.parametrize(
    "head",
    [
        LAUGHS + "]>",
        "<!DOCTYPE p [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>",
        "<!DOCTYPE p SYSTEM 'http://127.0.0.1:9/x.dtd'>",
        "<!DOCTYPE p>",
    ],
)
def test_xml_with_a_document_type_is_not_read(head: str) -> None:
    text = presence(civic(RD="&x;" if "x SYSTEM" in head else "Main"), head)
    assert place(text) is None
    assert root(text) is None


def test_deep_xml_is_read_in_time_and_harms_nobody() -> None:
    began = time.process_time()
    assert place("<a>" * 37_000 + "</a>" * 37_000) is None
    assert time.process_time() - began < 1


def test_what_is_written_is_read_again() -> None:
    written = pidf(34.0489, -118.2916, '1200 S Vermont Ave <3rd> & "Main"')
    assert place(written) == Place('1200 S Vermont Ave <3rd> & "Main"', None, 34.0489, -118.2916, None)
    assert place(pidf(None, None, None)) is None


def test_a_comment_of_a_provider_is_what_it_says() -> None:
    space = 'xmlns="urn:ietf:params:xml:ns:EmergencyCallData:Comment"'
    said = '<Comment xml:lang="en"> has a gun </Comment>'
    data = f"<EmergencyCallData.Comment {space}>{said}</EmergencyCallData.Comment>"
    assert comment(data) == "has a gun"
    assert root(data) == "EmergencyCallData.Comment"
    assert comment("<other/>") is None
    assert comment("x") is None
