"""Locations as PIDF-LO (RFC 5139, RFC 5491): out of what came, and for what goes out."""

from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

_CIVIC = "{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}"
_GML = "{http://www.opengis.net/gml}"
_SHAPES = "{http://www.opengis.net/pidflo/1.0}"
_COMMENT = "{urn:ietf:params:xml:ns:EmergencyCallData:Comment}"
_CENTRED = (f"{_GML}Point", *(f"{_SHAPES}{name}" for name in ("Circle", "Ellipse", "Sphere", "Ellipsoid")))
"""Shapes whose position is where the target most likely is; of an arc band it is the tower."""
_WGS84 = frozenset({"4326", "4979"})
_STREET = ("PRD", "PRM", "RD", "STS", "POD", "POM")
_INSIDE = ("BLD", "FLR", "UNIT", "ROOM", "SEAT")
_MOST_LATITUDE, _MOST_LONGITUDE = 90, 180

_POINT = (
    '<gml:Point xmlns:gml="http://www.opengis.net/gml" srsName="urn:ogc:def:crs:EPSG::4326">'
    "<gml:pos>{latitude} {longitude}</gml:pos></gml:Point>"
)
_ADDRESS = (
    '<ca:civicAddress xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr">'
    "<ca:country>US</ca:country><ca:LOC>{text}</ca:LOC></ca:civicAddress>"
)
_PRESENCE = (
    '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf"'
    ' xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    ' entity="pres:call@divert.invalid"><dm:device id="call"><gp:geopriv><gp:location-info>{place}'
    "</gp:location-info><gp:usage-rules/></gp:geopriv></dm:device></presence>"
)


class Place(NamedTuple):
    """Where something is, as far as it was said."""

    street: str | None
    """House number and street, else the place's name or whatever describes it."""
    inside: str | None
    """Building, floor, unit or room."""
    latitude: float | None
    """Degrees north, WGS 84."""
    longitude: float | None
    """Degrees east, WGS 84."""
    within: float | None
    """Metres around that point, where they were told."""


def place(pidf: str) -> Place | None:
    """Return the place of a PIDF-LO; null when it cannot be read, or says of no place."""
    presence = _parsed(pidf)
    if presence is None:
        return None
    civic = next((one for one in presence.iter(f"{_CIVIC}civicAddress") if len(one)), None)
    street = None if civic is None else _street(civic)
    inside = None if civic is None else _inside(civic)
    point = next((found for shape in presence.iter() if (found := _point(shape)) is not None), None)
    if street is None and point is None:
        return None
    return Place(street, inside, *(point or (None, None, None)))


def pidf(latitude: float | None, longitude: float | None, text: str | None) -> str:
    """Return a PIDF-LO of a point in degrees (WGS 84), an address in one line, or both; of neither it is empty."""
    point = "" if latitude is None or longitude is None else _POINT.format(latitude=latitude, longitude=longitude)
    return _PRESENCE.format(place=point + ("" if text is None else _ADDRESS.format(text=escape(text))))


def comment(data: str) -> str | None:
    """Return what a provider's comment says (RFC 7852, section 4.5); null when this is none."""
    found = _parsed(data)
    if found is None:
        return None
    said = [one.text.strip() for one in found.iter(f"{_COMMENT}Comment") if one.text and one.text.strip()]
    return "\n".join(said) or None


def root(data: str) -> str | None:
    """Return the name of an XML document's root without its namespace; null when this is none that may be read."""
    found = _parsed(data)
    return None if found is None else found.tag.rpartition("}")[2]


def _parsed(text: str) -> Element | None:
    """Read XML without document type, so without entities of its own."""
    try:
        return fromstring(text.strip(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return None


def _street(civic: Element) -> str | None:
    number = _said(civic, "HNO") + _said(civic, "HNS")
    road = " ".join(filter(None, (_said(civic, name) for name in _STREET)))
    if road:
        return f"{number} {road}".strip()
    named = (_said(civic, name) for name in ("LOC", "LMK", "NAM", "ADDCODE", "A3"))
    return next(filter(None, named), None)


def _inside(civic: Element) -> str | None:
    return ", ".join(filter(None, (_said(civic, name) for name in _INSIDE))) or None


def _said(civic: Element, name: str) -> str:
    return " ".join((civic.findtext(f"{_CIVIC}{name}") or "").split())


def _point(shape: Element) -> tuple[float, float, float | None] | None:
    if shape.tag not in _CENTRED or shape.get("srsName", "4326").rpartition(":")[2] not in _WGS84:
        return None
    numbers = _numbers(shape.findtext(f"{_GML}pos"))
    if len(numbers) not in (2, 3) or abs(numbers[0]) > _MOST_LATITUDE or abs(numbers[1]) > _MOST_LONGITUDE:
        return None
    radius = _numbers(shape.findtext(f"{_SHAPES}radius"))
    return numbers[0], numbers[1], radius[0] if radius else None


def _numbers(text: str | None) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in (text or "").split())
    except ValueError:
        return ()
    # NaN is within no bounds and infinity is no place.
    return numbers if all(abs(number) < float("inf") for number in numbers) else ()
