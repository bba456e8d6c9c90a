"""What stays loaded within a number of bytes."""

import pytest

from palio.providers.diffusers.cache import Cache, TooLarge


def cache(bound: int) -> tuple[Cache[int], list[int]]:
    freed: list[int] = []
    return Cache(bound, lambda size: size, lambda: freed.append(1)), freed


def test_what_was_used_longest_ago_goes_before_the_next_is_loaded():
    # Given two, of which the first was used again
    kept, freed = cache(100)
    kept.load("a", 40, lambda: 40)
    kept.load("b", 40, lambda: 40)
    assert kept.find("a") == 40

    # When a third is loaded
    def load() -> int:
        assert list(kept.resident) == ["a"]
        assert freed == [1]
        return 40

    kept.load("c", 40, load)

    # Then the second was gone before
    assert kept.resident == {"a": 40, "c": 40}


def test_what_is_larger_than_was_expected_drives_out_others():
    kept, _ = cache(100)
    kept.load("a", 40, lambda: 40)
    kept.load("b", 10, lambda: 80)
    assert kept.resident == {"b": 80}


@pytest.mark.parametrize(("expected", "size"), [(101, 101), (10, 101)])
def test_what_would_not_fit_alone_is_not_kept(expected: int, size: int):
    kept, _ = cache(100)
    kept.load("a", 40, lambda: 40)
    with pytest.raises(TooLarge, match=r"it takes 101 bytes, and .* allows 100"):
        kept.load("b", expected, lambda: size)
    assert kept.resident == {"a": 40}


def test_a_load_that_fails_leaves_nothing():
    kept, _ = cache(100)

    def load() -> int:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - as it was raised
        kept.load("a", 40, load)
    assert kept.resident == {}
    assert kept.find("a") is None


def test_all_of_it_can_be_let_go():
    kept, freed = cache(100)
    kept.load("a", 40, lambda: 40)
    kept.clear()
    assert (kept.resident, freed) == ({}, [1])


def test_what_has_grown_drives_out_others_and_goes_itself_where_it_no_longer_fits():
    # Given two, one of which can grow
    grown = bytearray(40)
    kept: Cache[bytearray] = Cache(100, len, lambda: None)
    kept.load("a", 40, lambda: grown)
    kept.load("b", 40, lambda: bytearray(40))

    grown.extend(bytes(30))
    kept.measure_anew("a")
    assert kept.resident == {"a": 70}

    grown.extend(bytes(40))
    with pytest.raises(TooLarge):
        kept.measure_anew("a")
    assert kept.resident == {}
