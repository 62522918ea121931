"""The same photo has one name, whoever names it, and its name leads back to its bytes."""

import os
import string
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from transforms import identity
from transforms.errors import RefusalError
from transforms.identity import canonical_uri, event_id, file_path, file_uri, locate, object_name, object_uri

FILE_NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(FILE_NAMES)
@example(b"/a b%20\n\xff?#.jpg")
def test_a_path_of_any_bytes_comes_back_from_its_uri(name: bytes) -> None:
    assume(b".." not in name.split(b"/"))
    path = os.path.abspath(b"/photos/" + name)  # noqa: PTH100 - bytes
    uri = file_uri(b"/photos/" + name)
    assert file_path(uri) == path
    assert uri.isascii() and not set(uri) & set(string.whitespace + "?#")
    assert canonical_uri(uri) == uri


@given(KEYS, st.sampled_from(["gs", "s3"]))
@example("a?X-Amz-Signature=1#x", "s3")
@example("/a//../b%41", "gs")
def test_an_objects_name_comes_back_from_its_uri(key: str, scheme: str) -> None:
    uri = object_uri(scheme, "bucket", key)
    assert object_name(uri) == ("bucket", key)
    assert canonical_uri(uri) == uri


@given(
    st.text(max_size=60),
    st.sampled_from(["", "https://", "http://h/", "s3://b/", "gs://b/", "file:///", "FILE:/", "ftp://"]),
)
@example("..", "https://")
def test_any_text_has_a_canonical_form_or_a_refusal_and_a_second_pass_changes_nothing(text: str, start: str) -> None:
    try:
        uri = canonical_uri(start + text)
    except RefusalError as refusal:
        assert refusal.code == "bad_uri"
    else:
        assert canonical_uri(uri) == uri
        assert uri.isascii() and uri.isprintable()


@pytest.mark.parametrize(
    ("given_uri", "expected"),
    [
        ("HTTPS://Shop.Example.COM:443/a/./b/../c%7Ed.jpg#top", "https://shop.example.com/a/c~d.jpg"),
        ("https://shop.example.com", "https://shop.example.com/"),
        ("https://bücher.example/ä b.jpg", "https://xn--bcher-kva.example/%C3%A4%20b.jpg"),
        ("https://shop.example.com./a%2fb?q=%e2%82%ac&x=a b", "https://shop.example.com/a%2Fb?q=%E2%82%AC&x=a%20b"),
        ("https://h/100%.jpg", "https://h/100%25.jpg"),
        ("file:/a//b/./c", "file:///a/b/c"),
        ("file://LOCALHOST/a", "file:///a"),
        ("gs://b/a b?c#d.jpg", "gs://b/a%20b%3Fc%23d.jpg"),
        ("S3://b/%61.jpg", "s3://b/a.jpg"),
    ],
)
def test_spellings_of_one_place_are_one_uri(given_uri: str, expected: str) -> None:
    assert canonical_uri(given_uri) == expected


@pytest.mark.parametrize(
    "query",
    [
        "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a%40b&X-Goog-Date=1&X-Goog-Expires=9&X-Goog-Signature=ab",
        "GoogleAccessId=a@b&Expires=1&Signature=c%2Bd",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=t&x-amz-signature=s",
        "AWSAccessKeyId=A&Signature=s&Expires=1",
        "Policy=p&Signature=s&Key-Pair-Id=K",
        "sv=2022-11-02&st=a&se=b&sr=b&sp=r&sig=c%3D",
        "OSSAccessKeyId=A&Expires=1&Signature=s",
    ],
)
def test_a_signature_is_not_in_the_name_but_is_where_the_bytes_are_read(query: str) -> None:
    uri, location = locate(f"https://store.example/a.jpg?w=100&{query}")
    assert uri == "https://store.example/a.jpg?w=100"
    assert location is not None and all(part.split("=")[1] in location for part in query.split("&"))


def test_a_short_parameter_is_a_signatures_only_beside_one() -> None:
    uri = "https://shop.example/a.jpg?sp=2&expires=never&policy=x&versionId=3"
    assert locate(uri) == (uri, None)


def test_the_version_of_an_s3_object_is_where_it_is_read_not_its_name() -> None:
    assert locate("s3://b/a.jpg?versionId=3/L4.x_y") == ("s3://b/a.jpg", "s3://b/a.jpg?versionId=3/L4.x_y")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "ftp://h/a",
        "https://user:secret@h/a",
        "https://user@h/a",
        "https:///a",
        "https://h:99999/a",
        "https://h h/a",
        "https://a\\b/c",
        "https://%31/a",
        "file://otherhost/a",
        "file:///a%00b",
        "gs://b",
        "gs://b/",
        "s3://b u/a",
        "gs://b/%ff",
        "a\0b",
        "https://h/\ud800",
        "https://h/" + "a" * 20_000,
    ],
)
def test_what_names_no_photo_is_refused(text: str) -> None:
    with pytest.raises(RefusalError) as refused:
        canonical_uri(text)
    assert refused.value.code == "bad_uri"


def test_a_plain_path_is_relative_to_its_folder() -> None:
    assert canonical_uri("a%20b.jpg", "file:///m") == "file:///m/a%2520b.jpg"
    assert canonical_uri("../a.jpg", "file:///m/n") == "file:///m/a.jpg"
    assert canonical_uri("/x.jpg", "file:///m") == "file:///x.jpg"
    assert canonical_uri("./p/a.jpg", "gs://b/m") == "gs://b/m/p/a.jpg"
    assert canonical_uri("../../../a.jpg", "s3://b/m") == "s3://b/a.jpg"


def test_dot_dot_behind_a_link_is_the_folder_that_the_system_means(tmp_path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "inner")
    resolved = os.fsdecode(file_path(file_uri(f"{tmp_path}/link/../a.jpg")))
    assert resolved == f"{(tmp_path / 'real').resolve()}/a.jpg"


SEQUENCERS = st.text("0123456789ABCDEF", min_size=1, max_size=24)


@given(st.lists(SEQUENCERS, min_size=2, max_size=6))
def test_sequencers_sort_as_s3_compares_them(sequencers: list[str]) -> None:
    width = max(map(len, sequencers))
    padded = {s: s.ljust(width, "0") for s in sequencers}
    for a in sequencers:
        for b in sequencers:
            ours = identity.sequencer_generation(a), identity.sequencer_generation(b)
            assert (ours[0] < ours[1]) == (padded[a] < padded[b])
            assert (ours[0] == ours[1]) == (padded[a] == padded[b])


@given(st.lists(st.integers(0, 10**20 - 1), min_size=2))
def test_counters_sort_as_numbers(numbers: list[int]) -> None:
    assert sorted(map(identity.integer_generation, numbers)) == list(map(identity.integer_generation, sorted(numbers)))


@given(
    st.lists(
        st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), min_size=2
    )
)
def test_times_sort_as_times_whatever_their_zone(times: list[datetime]) -> None:
    ordered = sorted(times, key=lambda t: t.astimezone(UTC))
    assert all(identity.time_generation(a) <= identity.time_generation(b) for a, b in pairwise(ordered))


def test_a_files_time_of_change_keeps_its_nanoseconds_and_is_known_for_what_it_is() -> None:
    generation = identity.mtime_generation(1_700_000_000_123_456_789)
    assert identity.file_mtime(generation) == 1_700_000_000_123_456_789
    assert identity.file_mtime(identity.integer_generation(7)) is None
    assert identity.mtime_generation(-5) < generation


@pytest.mark.parametrize("bad", [-1, 10**20])
def test_a_counter_out_of_range_is_refused(bad: int) -> None:
    with pytest.raises(ValueError, match="20 digits"):
        identity.integer_generation(bad)


def test_the_senders_id_wins_then_the_version_then_the_place() -> None:
    assert event_id("theirs", "u", "1", "p") == "theirs"
    assert event_id(None, "u", "1", "p") == event_id(None, "u", "1", "q") != event_id(None, "u", "2", "p")
    assert event_id(None, "u", "", "p") != event_id(None, "u", "", "q")
    assert event_id(None, "u", "", "p") != event_id(None, "v", "", "p")
    assert event_id(None, "ab", "c", "") != event_id(None, "a", "bc", "")


def test_naive_times_are_utc() -> None:
    naive = datetime(2026, 1, 2, 3, 4, 5)
    assert identity.time_generation(naive) == "2026-01-02T03:04:05.000000Z"
    assert (
        identity.time_generation(naive.replace(tzinfo=UTC) + timedelta(microseconds=1)) > "2026-01-02T03:04:05.000000Z"
    )


def test_below_is_by_whole_parts() -> None:
    assert identity.is_below("gs://b/out/images/a", "gs://b/out/")
    assert not identity.is_below("gs://b/output/a", "gs://b/out")
    assert identity.folder_of("gs://b/m/a.csv") == "gs://b/m"
