"""What goes from an original's metadata into a mended photo: an allow-list, its provenance, and our step.

A list of what is dangerous would always miss something: a camera's maker note can hold the owner's name, a drone's XMP
the place. So only what is named here passes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any
from xml.etree import ElementTree as Xml

from PIL import ExifTags, Image, PngImagePlugin

from transforms.errors import RefusalError
from transforms.imaging.codec.container import is_simple, open_header
from transforms.imaging.codec.isolation import read_metadata_isolated
from transforms.imaging.codec.limits import DecodeLimits

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""The IPTC vocabulary of how a picture came to be; what we do is its `algorithmicallyEnhanced`."""

MAX_XMP_BYTES = 1_000_000
"""Larger packets hold depth maps or other pictures, which would no longer fit the pixels."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_DC = "http://purl.org/dc/elements/1.1/"
_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
_CC = "http://creativecommons.org/ns#"

for _prefix, _uri in {
    "x": _META,
    "rdf": _RDF,
    "Iptc4xmpExt": _EXT,
    "xmpMM": _MM,
    "stEvt": _EVENT,
    "dc": _DC,
    "xmpRights": _RIGHTS,
    "photoshop": _PHOTOSHOP,
    "plus": _PLUS,
    "cc": _CC,
}.items():
    Xml.register_namespace(_prefix, _uri)

_WHOLE_NAMESPACES = (_RIGHTS, _PLUS, _CC)
_PROPERTIES = frozenset(
    f"{{{space}}}{name}"
    for space, names in {
        _DC: ("creator", "title", "description", "rights", "subject", "publisher", "source"),
        _PHOTOSHOP: ("Credit", "Source", "Headline", "AuthorsPosition", "Instructions", "DateCreated"),
        _EXT: (
            "DigitalSourceType",
            "DigitalSourcefileType",
            "AISystemUsed",
            "AISystemVersionUsed",
            "AIPromptInformation",
            "AIPromptWriterName",
            "DigImageGUID",
        ),
        _MM: ("DocumentID", "OriginalDocumentID", "InstanceID", "DerivedFrom", "History"),
    }.items()
    for name in names
)

_TAGS = frozenset(
    {
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.Copyright,
    }
)
_EXIF_TAGS = frozenset(
    {
        ExifTags.Base.ExposureTime,
        ExifTags.Base.FNumber,
        ExifTags.Base.ExposureProgram,
        ExifTags.Base.ISOSpeedRatings,
        ExifTags.Base.DateTimeOriginal,
        ExifTags.Base.DateTimeDigitized,
        ExifTags.Base.OffsetTimeOriginal,
        ExifTags.Base.ExposureBiasValue,
        ExifTags.Base.MeteringMode,
        ExifTags.Base.LightSource,
        ExifTags.Base.Flash,
        ExifTags.Base.FocalLength,
        ExifTags.Base.FocalLengthIn35mmFilm,
        ExifTags.Base.WhiteBalance,
        ExifTags.Base.LensMake,
        ExifTags.Base.LensModel,
    }
)
_MAX_EXIF_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class Original:
    """What an original carries: an EXIF block with only what is harmless, and the XMP packet as it lies in the file."""

    exif: bytes = b""
    xmp: bytes = b""
    source_type: str | None = None
    """The digital source type that the file declares outside its XMP, in a C2PA manifest that the mend makes void."""


def of_original(data: bytes, limits: DecodeLimits) -> Original:
    """Read the metadata of a photo; what is broken is as if it were not there."""
    try:
        exif, xmp = read_blocks(data) if is_simple(data) else read_metadata_isolated(data, limits)
    except RefusalError:
        exif, xmp = harmless_exif(Image.Exif()), b""
    return Original(exif, xmp, _declared_in_manifest(data))


def read_blocks(data: bytes) -> tuple[bytes, bytes]:
    """Read the harmless EXIF and the whole XMP in this process, without decoding a pixel."""
    try:
        picture, _ = open_header(data, DecodeLimits())
        # A PNG is the one format where Pillow would decode the picture to look for EXIF behind it.
        exif = Image.Exif() if isinstance(picture, PngImagePlugin.PngImageFile) else picture.getexif()
        exif.load(picture.info.get("exif", b"")) if not exif else None
        xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
        return harmless_exif(exif), xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    except Exception:  # Metadata is a courtesy: a broken block says nothing.
        return harmless_exif(Image.Exif()), b""


def harmless_exif(original: Image.Exif) -> bytes:
    """Return an EXIF block of the allowed tags alone: upright, sRGB, no position, serials, maker note or thumbnail."""
    made = Image.Exif()
    made.update(_allowed(original, _TAGS))
    inner = _allowed(original.get_ifd(ExifTags.IFD.Exif), _EXIF_TAGS)
    inner[ExifTags.Base.ColorSpace] = 1
    made._ifds[ExifTags.IFD.Exif] = inner
    made[ExifTags.IFD.Exif] = inner
    return made.tobytes()


def xmp_with_step(original: Original, step: str, when: datetime | None) -> bytes:
    """Return an XMP packet: what is allowed of the original's, with our edit as the history's last event.

    Terms: `xmpMM:History` of `stEvt` events (XMP specification, part 2, 1.2.4.9 and part 1, 8.2.2.8), and
    `Iptc4xmpExt:DigitalSourceType` (IPTC Photo Metadata Standard). A declared source type stays: a picture made
    by a trained model is still one after its exposure was mended. Where none is declared: `algorithmicallyEnhanced`.
    """
    properties = list(_properties(original.xmp))
    described = Xml.Element(f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for element in properties:
        if element.tag not in (f"{{{_MM}}}History", f"{{{_EXT}}}DigitalSourceType"):
            described.append(element)
    named = (element for element in properties if element.tag == f"{{{_EXT}}}DigitalSourceType")
    declared = next((element.text or element.get(f"{{{_RDF}}}resource") or "" for element in named), "").strip()
    source = Xml.SubElement(described, f"{{{_EXT}}}DigitalSourceType")
    source.text = declared or original.source_type or SOURCE_TYPES + "algorithmicallyEnhanced"
    described.append(_history(properties, step, when))
    root = Xml.Element(f"{{{_META}}}xmpmeta")
    Xml.SubElement(root, f"{{{_RDF}}}RDF").append(described)
    body = Xml.tostring(root, encoding="unicode")
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{body}<?xpacket end="w"?>'.encode()


def as_png_text(xmp: bytes) -> PngImagePlugin.PngInfo:
    """Put an XMP packet where PNG keeps it (XMP specification, part 3, 1.1.5)."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return info


def _allowed(tags: Any, names: frozenset[Any]) -> dict[int, Any]:
    kept = {}
    for tag in names:
        value = tags.get(int(tag))
        if value is not None and len(str(value)) <= _MAX_EXIF_VALUE:
            kept[int(tag)] = value
    return kept


def _properties(xmp: bytes) -> Iterator[Xml.Element]:
    """Yield the allowed properties, those written as attributes too, each once, as elements."""
    seen = set()
    for description in _descriptions(xmp):
        shorthand = [Xml.Element(name) for name in description.attrib]
        for element, value in zip(shorthand, description.attrib.values(), strict=True):
            element.text = value
        for element in [*shorthand, *description]:
            allowed = element.tag in _PROPERTIES or element.tag.startswith(tuple(f"{{{s}}}" for s in _WHOLE_NAMESPACES))
            if allowed and element.tag not in seen:
                seen.add(element.tag)
                element.tail = None
                yield element


def _descriptions(xmp: bytes) -> list[Xml.Element]:
    # A packet needs no document type, and entities are how XML is made to explode.
    if not xmp or len(xmp) > MAX_XMP_BYTES or b"<!" in xmp:
        return []
    try:
        root = Xml.fromstring(
            re.sub(rb"<\?xpacket.*?\?>|\0", b"", xmp, flags=re.DOTALL).strip().removeprefix(b"\xef\xbb\xbf")
        )
    except (Xml.ParseError, ValueError, LookupError):
        return []
    return list(root.iter(f"{{{_RDF}}}Description"))[:1_000]


def _history(properties: list[Xml.Element], step: str, when: datetime | None) -> Xml.Element:
    history = Xml.Element(f"{{{_MM}}}History")
    events = Xml.SubElement(history, f"{{{_RDF}}}Seq")
    for element in properties:
        if element.tag == history.tag:
            events.extend(element.iterfind(f"{{{_RDF}}}Seq/{{{_RDF}}}li"))
    ours = {
        "action": "edited",
        "softwareAgent": f"Vitrine {version('vitrine')}",
        "parameters": step,
        "when": when.isoformat(timespec="seconds") if when else "",
        "changed": "/content",
    }
    event = Xml.SubElement(events, f"{{{_RDF}}}li", {f"{{{_RDF}}}parseType": "Resource"})
    for name, value in ours.items():
        if value:
            Xml.SubElement(event, f"{{{_EVENT}}}{name}").text = value
    return history


def _declared_in_manifest(data: bytes) -> str | None:
    """Find a source type that only a C2PA manifest states (C2PA 2.1, actions): the edit voids it."""
    if b"c2pa" not in data:
        return None
    found = re.search(rb"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{4,50})", data)
    return SOURCE_TYPES + found.group(1).decode() if found else None
