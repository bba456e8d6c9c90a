"""The older textToImage step."""

import pytest
from pydantic import BaseModel

from palio.contract.image.job import ImageJob, Lora, Operation
from palio.contract.json import Json, JsonObject
from palio.contract.steps import ImageStepInput, read_input
from palio.errors import BadRequest

AT = "steps[0].input"
PICTURE = "https://example.com/harbour.png"
LORA = "urn:air:sd1:lora:civitai:1@2"
EMBEDDING = "urn:air:sd1:embedding:civitai:3@4"
FELT: JsonObject = {"prompt": "a felt hare asleep in a kettle"}


def read(raw: JsonObject) -> ImageStepInput:
    found = read_input("textToImage", raw, AT)
    assert isinstance(found, ImageStepInput)
    return found


def value_of(raw: JsonObject, name: str) -> object:
    found = read(raw)
    assert isinstance(found, BaseModel)
    return found.model_dump(by_alias=True)[name]


def errors_of(raw: JsonObject) -> list[str]:
    with pytest.raises(BadRequest) as refused:
        read(raw)
    return [path.removeprefix(f"{AT}.") for path in refused.value.errors]


def test_a_prompt_is_enough() -> None:
    assert read(FELT).jobs() == (
        ImageJob(
            engine="comfy",
            family="sd1",
            model="urn:air:sd1:checkpoint:civitai:4384@128713",
            operation=Operation.create,
            prompt="a felt hare asleep in a kettle",
            width=512,
            height=512,
            seed=None,
            steps=30,
            guidance=7.5,
            clip_skip=2,
        ),
    )


@pytest.mark.parametrize(
    ("name", "least", "most", "default", "step"),
    [
        ("quantity", 1, 100, 1, 1),
        ("batchSize", 1, 100, 1, 1),
        ("steps", 1, 150, 30, 1),
        ("cfgScale", 1, 30, 7.5, 0.01),
        ("width", 64, 4084, 512, 1),
        ("height", 64, 4084, 512, 1),
        ("seed", 0, 4294967295, None, 1),
        ("sourceImageDenoiseStrenght", 0, 1, 0.8, 0.01),
    ],
)
def test_numbers_have_their_range_and_default(
    name: str, least: float, most: float, default: float | None, step: float
) -> None:
    assert value_of(FELT, name) == default
    for end in (least, most, str(most)):
        assert value_of(FELT | {name: end}, name) == float(end)
    for beyond in (least - step, most + step):
        assert errors_of(FELT | {name: beyond}) == [name]


@pytest.mark.parametrize("name", ["negativePrompt", "sourceImage", "engine", "imageMetadata"])
def test_null_stands_for_absent_where_it_is_allowed(name: str) -> None:
    assert read(FELT | {name: None}).jobs() == read(FELT).jobs()


@pytest.mark.parametrize("name", ["model", "quantity", "scheduler", "additionalNetworks", "controlNets", "seed"])
def test_null_is_refused_elsewhere(name: str) -> None:
    assert errors_of(FELT | {name: None}) == [name]


def test_unknown_members_are_ignored() -> None:
    assert read(FELT | {"sampler": "euler", "loras": {}}).jobs() == read(FELT).jobs()


def test_a_prompt_is_needed() -> None:
    assert errors_of({}) == ["prompt"]


def test_there_are_quantity_times_batch_size_images() -> None:
    jobs = read(FELT | {"quantity": 3, "batchSize": 4, "seed": 10}).jobs()
    assert [job.seed for job in jobs] == list(range(10, 22))
    assert len(read(FELT | {"quantity": 50, "batchSize": 2}).jobs()) == 100
    assert errors_of(FELT | {"batchSize": 3, "quantity": 34}) == ["batchSize"]


def test_seeds_start_over_at_zero() -> None:
    assert [job.seed for job in read(FELT | {"quantity": 2, "seed": "4294967295"}).jobs()] == [4294967295, 0]


@pytest.mark.parametrize(
    ("scheduler", "sampler", "schedule"),
    [
        ("eulerA", "euler_ancestral", "normal"),
        ("EULERA", "euler_ancestral", "normal"),
        ("dpM2MKarras", "dpmpp_2m", "karras"),
        ("DPM2MKarras", "dpmpp_2m", "karras"),
        ("dpM2Karras", "dpm_2", "karras"),
        ("dpmsde", "dpmpp_sde", "normal"),
        ("ddim", "ddim", "ddim_uniform"),
        ("uniPC", "uni_pc", "normal"),
        ("dpM3MSDE", "dpmpp_3m_sde", "normal"),
        ("Undefined", None, None),
    ],
)
def test_a_scheduler_names_a_sampler_and_its_schedule(
    scheduler: str, sampler: str | None, schedule: str | None
) -> None:
    (job,) = read(FELT | {"scheduler": scheduler}).jobs()
    assert (job.sampler, job.scheduler) == (sampler, schedule)


def test_the_schedulers_of_imagegen_are_not_those_of_this_step() -> None:
    assert errors_of(FELT | {"scheduler": "karras"}) == ["scheduler"]


def test_a_source_image_makes_it_a_variant() -> None:
    (job,) = read(FELT | {"sourceImage": PICTURE, "sourceImageDenoiseStrenght": 0.3}).jobs()
    assert (job.operation, job.images, job.strength) == (Operation.variant, (PICTURE,), 0.3)
    assert errors_of(FELT | {"sourceImage": "file:///etc/passwd"}) == ["sourceImage"]


def test_additional_networks_are_loras_or_embeddings() -> None:
    networks: JsonObject = {
        LORA: {"strength": 0.6, "triggerWord": "felt", "type": "Lora"},
        "civitai:5@6": {"strength": None},
        EMBEDDING: {},
        "civitai:7@8": {"type": "TextualInversion"},
    }
    (job,) = read(FELT | {"additionalNetworks": networks}).jobs()
    assert job.loras == (Lora(LORA, 0.6), Lora("civitai:5@6", 1))
    assert job.embeddings == (EMBEDDING, "civitai:7@8")


def test_what_is_wrong_with_a_network_is_told_by_its_air() -> None:
    networks: JsonObject = {LORA: {"strength": "strong"}, "?": {}, EMBEDDING: 1}
    wrong = errors_of(FELT | {"additionalNetworks": networks})
    assert wrong == [f"additionalNetworks.{LORA}.strength", "additionalNetworks.?", f"additionalNetworks.{EMBEDDING}"]


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("urn:air:sdxl:checkpoint:civitai:1@2", "sdxl"),
        ("urn:air:pony:checkpoint:civitai:1@2", "sdxl"),
        ("urn:air:flux1:checkpoint:civitai:1@2", "flux1"),
        ("urn:air:sd3:checkpoint:civitai:1@2", "sd3"),
    ],
)
def test_the_ecosystem_of_the_model_selects_the_family(model: str, family: str) -> None:
    (job,) = read(FELT | {"model": model}).jobs()
    assert (job.family, job.model) == (family, model)


@pytest.mark.parametrize("model", ["civitai:4384@128713", "dreamshaper", 4384])
def test_a_model_without_an_ecosystem_selects_nothing(model: Json) -> None:
    assert errors_of(FELT | {"model": model}) == ["model"]


def test_the_hint_travels_with_the_job() -> None:
    (job,) = read(FELT | {"engine": "anything"}).jobs()
    assert job.options == {"engine": "anything"}


def test_an_image_costs_what_imagegen_takes_for_its_family() -> None:
    assert read(FELT).price().total == 4
    assert read(FELT | {"quantity": 2, "batchSize": 3, "steps": 15}).price().total == 12
    sdxl = FELT | {"model": "urn:air:sdxl:checkpoint:civitai:1@2", "width": 1024, "height": 1024}
    assert read(sdxl).price().total == 8
