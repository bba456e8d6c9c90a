"""What image steps make, as their owner gets it."""

import io
import sqlite3
from contextlib import closing

import pytest
from PIL import Image

from palio.blobs.metadata import read_metadata

WORKFLOWS = "/v2/consumer/workflows"
FORMATS = {"jpeg": ("JPEG", "image/jpeg"), "png": ("PNG", "image/png"), "webP": ("WEBP", "image/webp")}


def images(workflow, step=0):
    return workflow["steps"][step]["output"]["images"]


def download(api, url):
    reply = api.get(url, follow_redirects=True)
    assert reply.status_code == 200
    return reply


def test_a_quantity_is_that_many_images_each_of_its_own_job(api):
    workflow = api.run(api.sdxl(quantity=3))

    made = images(workflow)
    assert len(made) == 3
    assert len({blob["id"] for blob in made}) == 3
    assert [blob["jobId"] for blob in made] == [job["id"] for job in workflow["steps"][0]["jobs"]]
    # Without a seed, each is drawn with another.
    assert len({download(api, blob["url"]).content for blob in made}) == 3


@pytest.mark.parametrize("format", FORMATS)
def test_the_bytes_are_in_the_format_and_size_that_were_asked_for(api, format):
    (blob,) = images(api.run(api.sdxl(outputFormat=format)))

    reply = download(api, blob["url"])

    encoding, media_type = FORMATS[format]
    assert reply.headers["Content-Type"] == media_type
    picture = Image.open(io.BytesIO(reply.content))
    assert picture.format == encoding
    assert picture.size == (128, 64) == (blob["width"], blob["height"])


@pytest.mark.parametrize("format", FORMATS)
def test_the_image_carries_the_metadata_that_was_sent(api, format):
    text = 'a cat, größer 🐎\nSteps: 20, {"json": true}'
    (blob,) = images(api.run(api.sdxl(outputFormat=format, imageMetadata=text)))

    assert read_metadata(download(api, blob["url"]).content) == text


def test_the_same_seed_is_the_same_picture(api):
    first, second = (images(api.run(api.sdxl(seed=42, outputFormat="png"))) for _ in range(2))

    assert download(api, first[0]["url"]).content == download(api, second[0]["url"]).content


def test_an_image_of_one_step_is_the_input_of_another(api):
    # Given two steps in the other order than they can run in
    variant = api.sdxl(operation="createVariant", image={"$ref": "source", "path": "output.images[0].url"})
    source = {**api.image(), "name": "source"}

    workflow = api.run(variant, source)

    assert workflow["status"] == "succeeded"
    # Then the dependent one began when its source was over, and its input is still what was sent.
    assert workflow["steps"][0]["startedAt"] >= workflow["steps"][1]["completedAt"]
    assert workflow["steps"][0]["input"]["image"] == {"$ref": "source", "path": "output.images[0].url"}
    assert Image.open(io.BytesIO(download(api, images(workflow)[0]["url"]).content)).size == (128, 64)


@pytest.mark.parametrize("source", ["source", "$0"])
def test_a_step_is_referred_to_by_name_or_position(api, source):
    steps = [
        {**api.image(), "name": "source"},
        api.sdxl(operation="createVariant", image={"$ref": source, "path": PATH}),
    ]

    assert api.run(*steps)["status"] == "succeeded"


PATH = "output.images[0].url"


def test_arguments_are_filled_in(api):
    workflow = api.run(api.image({"$ref": "$arguments", "path": "what[0]"}), arguments={"what": ["forbidden"]})

    assert workflow["status"] == "failed"
    assert images(workflow)[0]["blockedReason"]


def test_a_reference_to_what_a_step_did_not_make_fails_its_step(api):
    lost = api.sdxl(operation="createVariant", image={"$ref": "$0", "path": "output.images[7].url"})

    workflow = api.run(api.image(), lost)

    assert workflow["status"] == "failed"
    assert [step["status"] for step in workflow["steps"]] == ["succeeded", "failed"]
    assert "images[7]" in workflow["steps"][1]["output"]["errors"][0]


def test_steps_after_a_failed_one_are_canceled(api):
    after = api.sdxl(operation="createVariant", image={"$ref": "$0", "path": PATH})

    workflow = api.run(api.image("forbidden"), after)

    assert [step["status"] for step in workflow["steps"]] == ["failed", "canceled"]
    assert workflow["status"] == "failed"


def test_an_image_can_be_sent_as_data_or_as_a_signed_url_of_this_server(api, data_url, png):
    uploaded = api.post("/v2/consumer/blobs", content=png, headers={"Content-Type": "image/png"}).json()

    for image in (data_url, data_url.partition(",")[2], uploaded["url"], uploaded["previewUrl"]):
        assert api.run(api.sdxl(operation="createVariant", image=image))["status"] == "succeeded"


def test_a_signed_url_of_this_server_must_be_intact(api, png):
    uploaded = api.post("/v2/consumer/blobs", content=png, headers={"Content-Type": "image/png"}).json()

    step = api.sdxl(operation="createVariant", image=uploaded["url"].replace("sig=", "sig=x"))

    assert "steps[0].input.image" in api.errors(api.submit(step))


def test_the_older_step_makes_images_too(api):
    step = {"$type": "textToImage", "input": {"prompt": "a boat", "width": 128, "height": 64, "quantity": 2}}

    assert [blob["available"] for blob in images(api.run(step))] == [True, True]


class TestMatureContent:
    @pytest.fixture
    def mature(self, fresh, server):
        """Id of a workflow whose image a provider judged to be mature, which none of the offline ones does."""
        workflow_id = fresh.run(fresh.sdxl())["id"]
        judged = """UPDATE workflows SET state = replace(state, '"nsfwLevel":"pg"', '"nsfwLevel":"x"') WHERE id = ?"""
        with closing(sqlite3.connect(server.data / "palio.db", timeout=10)) as database, database:
            assert database.execute(judged, [workflow_id]).rowcount == 1
        return workflow_id

    def test_it_is_hidden_on_demand(self, fresh, mature):
        hidden = fresh.workflow(mature, hideMatureContent="true")

        (blob,) = images(hidden)
        assert blob["available"] is False
        assert blob.keys().isdisjoint({"url", "urlExpiresAt", "previewUrl", "previewUrlExpiresAt"})
        assert hidden["nsfwLevel"] == "x"

    def test_lists_hide_it_unless_told_and_single_workflows_show_it(self, fresh, mature):
        def shown(workflow):
            return images(workflow)[0]["available"]

        assert shown(fresh.workflow(mature))
        assert not shown(fresh.get(WORKFLOWS).json()["items"][0])
        assert shown(fresh.get(WORKFLOWS, params={"hideMatureContent": "false"}).json()["items"][0])

    def test_images_without_mature_content_are_never_hidden(self, api):
        workflow = api.run(api.sdxl())
        assert images(workflow)[0]["nsfwLevel"] == workflow["nsfwLevel"] == "pg"

        for hide in ("true", "false"):
            assert images(api.workflow(workflow["id"], hideMatureContent=hide))[0]["available"] is True

    def test_the_level_of_a_workflow_is_that_of_its_images(self, api):
        # What the owner allows at most is not what came out.
        assert api.run(api.sdxl(), nsfwLevel="xxx")["nsfwLevel"] == "pg"
        assert "nsfwLevel" not in api.run(api.image(), nsfwLevel="xxx")
