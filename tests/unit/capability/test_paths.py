"""Path templates."""

import pytest

from palio.surfaces.capability.paths import PathTemplate, segments_of


@pytest.mark.parametrize("text", ["/a/{x}/b", "/a/{{x}}/b", "a/{{ x }}/b", "/a/{ x }/b"])
def test_all_ways_to_write_a_parameter_are_one(text: str):
    template = PathTemplate.read(text)
    assert (template.names, template.shape, str(template)) == (("x",), "/a/{}/b", "/a/{x}/b")


@pytest.mark.parametrize("value", ["a/b", "a b", "é", "%2F", "?#&", "..;", "~", "\udcff"])
def test_what_is_filled_in_is_found_again(value: str):
    template = PathTemplate.read("/ships/{imo}.json/at/{berth}")
    path = template.fill({"imo": value, "berth": "1"})
    assert path.count("/") == 4
    assert template.matcher().match(segments_of(path.encode())) == {"imo": value, "berth": "1"}


def test_literals_are_encoded_where_they_must_be():
    assert PathTemplate.read("/a b/%2Fc/{x}").fill({"x": "1"}) == "/a%20b//c/1"


@pytest.mark.parametrize("path", ["/ships", "/ships/", "/ships/1/2", "/boats/1", "//ships/1"])
def test_other_paths_do_not_match(path: str):
    assert PathTemplate.read("/ships/{imo}").matcher().match(segments_of(path.encode())) is None


def test_the_more_literal_template_comes_first():
    ranks = [PathTemplate.read(text).matcher().rank for text in ("/{a}/x", "/a/{b}", "/a/b")]
    assert sorted(ranks) == [ranks[2], ranks[1], ranks[0]]


@pytest.mark.parametrize(
    "text", ["/a/{x", "/a/x}", "/{}", "/{x}/{{x}}", "/a?b=1", "/a#b", "/a/../b", "/./b", "/%7Bx%7D"]
)
def test_what_is_no_template_is_refused(text: str):
    with pytest.raises(ValueError, match=r"must|has"):
        PathTemplate.read(text)
