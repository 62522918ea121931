import pytest

from transforms.fetch.again import GRACE_S, again_after


def least(low, high):
    return low


@pytest.mark.parametrize("code", ["fetch_timeout", "fetch_failed"])
def test_what_may_pass_is_tried_a_stated_number_of_times_after_longer_and_longer_pauses(code):
    pauses = [again_after(code, tries, 4, 5.0, least) for tries in range(5)]
    assert pauses == [2.5, 10.0, 40.0, None, None]


@pytest.mark.parametrize("code", ["changed", "not_found"])
def test_a_version_that_is_gone_is_looked_for_once_more(code):
    assert [again_after(code, tries, 4, 5.0) for tries in range(2)] == [GRACE_S, None]


@pytest.mark.parametrize("code", ["too_many_bytes", "forbidden_location", "bad_uri", "internal_error"])
def test_what_will_not_pass_is_not_tried_again(code):
    assert again_after(code, 0, 4, 5.0) is None
