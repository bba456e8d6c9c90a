"""GET /v2/consumer/workflows."""

from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

WORKFLOWS = "/v2/consumer/workflows"


@pytest.fixture
def five(fresh):
    """Ids of five workflows, oldest first."""
    return [fresh.run(fresh.echo(str(number)), tags=[f"t{number}", "all"])["id"] for number in range(5)]


def test_newest_first_unless_told(fresh, five):
    assert fresh.ids() == five[::-1]
    assert fresh.ids(ascending="true") == five


def test_without_workflows_there_is_an_empty_page_and_no_next(fresh):
    assert fresh.get(WORKFLOWS).json() == {"items": []}


@pytest.mark.parametrize("ascending", ["true", "false"])
def test_pages_neither_repeat_nor_skip_while_workflows_are_added(fresh, five, ascending):
    seen, cursor = [], {}
    while True:
        page = fresh.get(WORKFLOWS, params={"take": 2, "ascending": ascending, **cursor}).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        if "next" not in page:
            break
        assert page["next"]
        cursor = {"cursor": page["next"]}
        if len(seen) == 2:
            added = fresh.run(fresh.echo("added"))["id"]

    # Newest first the added one came too late for its place; oldest first it is last.
    assert seen == (five[::-1] if ascending == "false" else [*five, added])


def test_a_full_last_page_has_no_next(fresh, five):
    assert "next" not in fresh.get(WORKFLOWS, params={"take": 5}).json()
    assert "next" in fresh.get(WORKFLOWS, params={"take": 4}).json()


def test_all_of_the_tags_must_be_there(fresh, five):
    assert fresh.get(f"{WORKFLOWS}?tags=all&tags=t3").json()["items"][0]["id"] == five[3]
    assert len(fresh.get(f"{WORKFLOWS}?tags=all").json()["items"]) == 5
    assert fresh.get(f"{WORKFLOWS}?tags=t2&tags=t3").json()["items"] == []
    assert fresh.get(f"{WORKFLOWS}?tags=t2,t3").json()["items"] == []


def test_tags_of_any_characters_are_found(fresh):
    for tag in ("a/b", "a b+c", "ä🐎", "100%", "it's", '"', "a,b"):
        workflow = fresh.run(fresh.echo(), tags=[tag])
        assert fresh.get(f"{WORKFLOWS}?tags={quote(tag, safe='')}").json()["items"][0]["id"] == workflow["id"]


def test_text_is_looked_for_in_the_metadata(fresh):
    found = fresh.run(fresh.echo(), metadata={"title": "Träume_50% of Horses"})["id"]
    fresh.run(fresh.echo(), metadata={"title": "something else"})

    for text in ("horses", "TRÄUME", "50%", "_50%"):
        assert fresh.ids(query=text) == [found]
    assert fresh.ids(query="%") == [found]
    assert fresh.ids(query="nowhere") == []


def test_by_status(fresh):
    succeeded = fresh.run(fresh.echo())["id"]
    failed = fresh.run(fresh.image("forbidden"))["id"]
    running = fresh.submit(fresh.slow(), query={"wait": 1}).json()

    assert fresh.ids(status="succeeded") == [succeeded]
    assert fresh.ids(status="FAILED") == [failed]
    assert fresh.ids(status=running["status"]) == [running["id"]]
    assert fresh.ids(status="expired") == []
    assert fresh.ids(excludeFailed="true") == [running["id"], succeeded]

    fresh.put(f"{WORKFLOWS}/{running['id']}", json={"status": "canceled"})
    fresh.workflow(running["id"], wait=10)
    assert fresh.ids(status="canceled") == [running["id"]]
    assert fresh.ids(excludeFailed="true") == [succeeded]


def test_by_date_with_colons_raw_or_encoded(fresh, five):
    first = datetime.fromisoformat(fresh.workflow(five[0])["createdAt"])
    third = datetime.fromisoformat(fresh.workflow(five[2])["createdAt"])
    text = third.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    for written in (text, quote(text, safe=""), third.isoformat(), quote(third.isoformat(), safe="")):
        assert len(fresh.get(f"{WORKFLOWS}?fromDate={written}").json()["items"]) == 3
        assert len(fresh.get(f"{WORKFLOWS}?toDate={written}").json()["items"]) == 3
    before = (first - timedelta(seconds=1)).isoformat()
    assert fresh.ids(toDate=before) == []
    assert fresh.ids(fromDate="0001-01-01T00:00:00Z", toDate="9999-12-31T23:59:59Z") == five[::-1]


def test_only_the_callers_own_that_are_not_deleted(fresh, stranger, five):
    fresh.delete(f"{WORKFLOWS}/{five[1]}")

    assert fresh.ids() == [five[4], five[3], five[2], five[0]]
    assert not set(five) & set(stranger.ids(take=1000))


def test_more_tags_than_a_workflow_can_have_are_refused(fresh):
    query = "&".join(f"tags=t{number}" for number in range(2000))

    assert "tags" in fresh.errors(fresh.get(f"{WORKFLOWS}?{query}"))


@pytest.mark.parametrize("query", ["cursor=", "take=", "status=", "query=", "fromDate=&toDate=", "ascending=", "x=1"])
def test_empty_and_unknown_parameters_mean_nothing(fresh, five, query):
    assert len(fresh.get(f"{WORKFLOWS}?{query}").json()["items"]) == 5
