"""What a delivered file carries: the pixels, what is harmless, where the picture came from, and nothing private."""

import io
import struct
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from transforms.errors import UserError
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.encode import EncodeSettings, encode
from transforms.imaging.codec.limits import DecodeLimits

LIMITS = DecodeLimits()
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
SECRETS = (
    b"SERIAL-4711",
    b"MAKER-NOTE-SECRET",
    b"OWNER-NAME",
    b"52.51627",
    b"GPSLatitude",
    b"LENS-SERIAL",
    b"private comment",
)
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"

XMP = f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
  xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
  exif:GPSLatitude="52,31.0N 52.51627" aux:SerialNumber="SERIAL-4711" aux:LensSerialNumber="LENS-SERIAL"
  Iptc4xmpExt:DigitalSourceType="{TRAINED}">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) A. Seller</rdf:li></rdf:Alt></dc:rights>
<xmpMM:History><rdf:Seq><rdf:li stEvt:action="created" stEvt:softwareAgent="An Image Model"/></rdf:Seq></xmpMM:History>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def private_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Copyright], exif[ExifTags.Base.Orientation] = (
        "Phone Co",
        "A. Seller",
        6,
    )
    exif[ExifTags.Base.HostComputer] = "OWNER-NAME"
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.BodySerialNumber], inner[ExifTags.Base.MakerNote] = "SERIAL-4711", b"MAKER-NOTE-SECRET"
    inner[ExifTags.Base.CameraOwnerName], inner[ExifTags.Base.LensSerialNumber] = "OWNER-NAME", "LENS-SERIAL"
    inner[ExifTags.Base.UserComment] = b"ASCII\0\0\0private comment"
    inner[ExifTags.Base.DateTimeOriginal], inner[ExifTags.Base.FNumber] = "2026:05:04 10:20:30", 1.8
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[1], place[2], place[3], place[4] = "N", (52.0, 30.0, 58.6), "E", (13.0, 22.0, 39.5)
    return exif


def picture(width: int = 48, height: int = 32) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


def original(form: str, xmp: bytes = XMP, **options: Any) -> bytes:
    out = io.BytesIO()
    if form == "HEIF":
        heif = pillow_heif.from_pillow(picture())
        heif.info["exif"], heif.info["xmp"] = private_exif().tobytes(), xmp
        heif.save(out)
    elif form == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        text.add_text("Comment", "private comment")
        picture().save(out, form, exif=private_exif(), pnginfo=text, **options)
    elif form == "TIFF":
        exif = private_exif()
        exif[ExifTags.Base.XMLPacket] = xmp
        for inner in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            exif[inner] = dict(exif.get_ifd(inner))
        picture().save(out, form, exif=exif, **options)
    else:
        picture().save(out, form, exif=private_exif(), xmp=xmp, **options)
    return out.getvalue()


def xmp_of(data: bytes) -> Xml.Element:
    with Image.open(io.BytesIO(data)) as made:
        packet = made.info.get("xmp") or made.info["XML:com.adobe.xmp"]
    text = packet.decode() if isinstance(packet, bytes) else packet
    return Xml.fromstring(text[text.index("<x:xmpmeta") : text.rindex("<?xpacket")])


def events(data: bytes) -> list[dict[str, str]]:
    """The history, oldest first; the two ways of writing a structure read alike."""
    return [
        {name.removeprefix(EVENT): value for name, value in item.attrib.items() if name.startswith(EVENT)}
        | {field.tag.removeprefix(EVENT): field.text or "" for field in item}
        for item in xmp_of(data).iterfind(f".//{RDF}Seq/{RDF}li")
    ]


@pytest.mark.parametrize("out", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_nothing_private_gets_through_and_the_rest_does(form: str, out: str) -> None:
    source = original(form)
    assert b"SERIAL-4711" in source
    data = encode(np.asarray(picture()), source, EncodeSettings(format=out))
    assert not [secret for secret in SECRETS if secret in data]
    with Image.open(io.BytesIO(data)) as made:
        exif = made.getexif()
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert ExifTags.Base.Orientation not in exif
        assert exif[ExifTags.Base.Copyright] == "A. Seller"
        assert inner[ExifTags.Base.DateTimeOriginal] == "2026:05:04 10:20:30"
        assert inner[ExifTags.Base.ColorSpace] == 1
        assert not exif.get_ifd(ExifTags.IFD.IFD1)
    assert "(c) A. Seller" in "".join(xmp_of(data).itertext())
    assert decode(data, LIMITS).pixels.shape == (32, 48, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_provenance_is_kept_and_our_step_added(form: str) -> None:
    when = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    data = encode(np.asarray(picture()), original(form), EncodeSettings(), "exposure +0.8 EV", when)
    assert [element.text for element in xmp_of(data).iter(SOURCE_TYPE)] == [TRAINED]
    created, edited = events(data)
    assert created == {"action": "created", "softwareAgent": "An Image Model"}
    assert edited.pop("softwareAgent").startswith("Vitrine ")
    assert edited == {
        "action": "edited",
        "parameters": "exposure +0.8 EV",
        "when": "2026-05-06T07:08:09+00:00",
        "changed": "/content",
    }


def test_our_step_is_added_each_time() -> None:
    once = encode(np.asarray(picture()), original("JPEG"), EncodeSettings(), "first")
    twice = encode(np.asarray(picture()), once, EncodeSettings(), "second")
    assert [event.get("parameters") for event in events(twice)] == [None, "first", "second"]
    assert [element.text for element in xmp_of(twice).iter(SOURCE_TYPE)] == [TRAINED]


def test_a_photo_without_a_declared_source_is_called_enhanced() -> None:
    out = io.BytesIO()
    picture().save(out, "JPEG")
    data = encode(np.asarray(picture()), out.getvalue(), EncodeSettings())
    assert [element.text for element in xmp_of(data).iter(SOURCE_TYPE)] == [ENHANCED]


@pytest.mark.parametrize(
    "written",
    [
        f"<Iptc4xmpExt:DigitalSourceType>{TRAINED}</Iptc4xmpExt:DigitalSourceType>",
        f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{TRAINED}"/>',
        f"<Iptc4xmpExt:DigitalSourcefileType>x</Iptc4xmpExt:DigitalSourcefileType>"
        f"<Iptc4xmpExt:DigitalSourceType> {TRAINED}\n</Iptc4xmpExt:DigitalSourceType>",
    ],
)
def test_a_source_type_is_kept_however_it_is_written(written: str) -> None:
    head, tail = XMP.split(b"<dc:rights>")
    packet = (
        head.replace(f'Iptc4xmpExt:DigitalSourceType="{TRAINED}"'.encode(), b"")
        + written.encode()
        + b"<dc:rights>"
        + tail
    )
    data = encode(np.asarray(picture()), original("JPEG", packet), EncodeSettings())
    assert [element.text for element in xmp_of(data).iter(SOURCE_TYPE)] == [TRAINED]


def test_a_source_type_that_only_a_manifest_declares_is_kept() -> None:
    plain = original("JPEG", XMP.replace(TRAINED.encode(), b""))
    manifest = b"JP\0\1\0\0\0\1jumbc2pa.assertions digitalSourceType" + TRAINED.encode() + b"\0"
    segment = b"\xff\xeb" + struct.pack(">H", len(manifest) + 2) + manifest
    data = encode(np.asarray(picture()), plain[:2] + segment + plain[2:], EncodeSettings())
    assert [element.text for element in xmp_of(data).iter(SOURCE_TYPE)] == [TRAINED]
    assert b"jumb" not in data


@pytest.mark.parametrize(
    "packet",
    [
        b"<not xml",
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
        XMP.replace(b"dc:rights", b"dc:rihgts", 1),
        b"\xff\xfe" + bytes(50),
        XMP + b" " * 2_000_000,
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>".encode("utf-16"),
    ],
)
def test_a_broken_packet_is_as_if_it_were_not_there(packet: bytes) -> None:
    out = io.BytesIO()
    picture().save(out, "WEBP", xmp=packet)
    data = encode(np.asarray(picture()), out.getvalue(), EncodeSettings())
    assert [element.text for element in xmp_of(data).iter(SOURCE_TYPE)] == [ENHANCED]
    assert len(data) < 10_000


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_the_same_arguments_give_the_same_bytes(form: str) -> None:
    settings, source = EncodeSettings(format=form), original("JPEG")
    first = encode(np.asarray(picture()), source, settings, "step")
    assert encode(np.asarray(picture()), source, settings, "step") == first
    assert encode(np.asarray(picture()), source, settings, "other step") != first


def test_the_pixels_come_back() -> None:
    pixels = np.asarray(picture(128, 96))
    source = original("JPEG")
    assert np.array_equal(decode(encode(pixels, source, EncodeSettings(format="png")), LIMITS).pixels, pixels)
    photo = decode(encode(pixels, source, EncodeSettings()), LIMITS)
    assert np.abs(photo.pixels.astype(int) - pixels).mean() < 1.5
    assert photo.jpeg_quality == EncodeSettings().quality
    assert photo.notes == ()


def test_settings_reach_the_file() -> None:
    pixels, source = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), original("JPEG")
    settings = EncodeSettings()
    sizes = [len(encode(pixels, source, replace(settings, quality=quality))) for quality in (30, 60, 95)]
    assert sizes == sorted(sizes)
    assert len(encode(pixels, source, replace(settings, subsampling="4:2:0"))) < len(encode(pixels, source, settings))
    with Image.open(io.BytesIO(encode(pixels, source, replace(settings, progressive=True)))) as made:
        assert made.info["progressive"]


@pytest.mark.parametrize("wrong", [{"format": "gif"}, {"quality": 0}, {"quality": 101}, {"subsampling": "4:1:1"}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        EncodeSettings(**wrong)


def test_an_original_that_no_longer_parses_loses_only_its_metadata() -> None:
    data = encode(np.asarray(picture()), b"no photo", EncodeSettings())
    assert decode(data, LIMITS).pixels.shape == (32, 48, 3)
    assert len(events(data)) == 1
