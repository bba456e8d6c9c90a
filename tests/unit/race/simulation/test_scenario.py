"""Scenarios are read whole or refused with the key that is wrong."""

import pytest

from palio.errors import SetupError
from palio.race.simulation.scenario import load_scenario, read_scenario, scenario_names

LEAST = """
title = "One"
[[accounts]]
name = "studio"
rate = 1
[[providers]]
name = "one"
places = 1
price = 0.01
median = 2
"""


def test_the_least_scenario_is_read():
    scenario = read_scenario(LEAST, "least.toml")
    assert scenario.providers[0].median == 2
    assert scenario.jobs.retries == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title =", "is not TOML"),
        (LEAST.replace("median = 2", "median = 0"), r"providers\[0\]\.median|providers\[...\]\.median"),
        (LEAST + "speed = 3", "speed"),
        (LEAST.replace("price = 0.01", 'price = "much"'), "price"),
        (LEAST.replace("title", "tilte"), "tilte"),
        (LEAST + '[[providers]]\nname = "one"\nplaces = 1\nprice = 0\nmedian = 1', r"providers\[1\]\.name"),
        (LEAST + "[[outages]]\nstart = 1\nlasts = 1", r"outages\[0\]: name"),
        (LEAST + '[[outages]]\nstart = 1\nlasts = 1\nregion = "moon"', r"outages\[0\]\.region"),
        (LEAST + '[[outages]]\nstart = 1\nlasts = 1\nproviders = ["two"]', "there is no two"),
        (LEAST + '[[outages]]\nstart = 1\nlasts = 5\nevery = 2\nproviders = ["one"]', r"outages\[0\]\.every"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str):
    with pytest.raises(SetupError, match=message):
        read_scenario(text, "wrong.toml")


def test_a_scenario_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(SetupError, match="stragglers"):
        load_scenario("nothing")


@pytest.mark.parametrize("name", scenario_names())
def test_every_own_scenario_is_read(name: str):
    assert load_scenario(name).about
