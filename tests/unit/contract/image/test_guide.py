"""What the guides tell about engines is what is taken."""

import pytest

from palio.contract.image.friendly import FRIENDLY_ENGINES, from_friendly
from palio.contract.image.guide import DEFAULT_ENGINE, Guide, aspects, guides
from palio.contract.steps import read_input
from palio.errors import BadRequest

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def taken(guide: Guide, **members: object) -> bool:
    """Whether a flat input with these members can be read."""
    try:
        wire = from_friendly({"engine": guide.engine, "prompt": "a cup", **members}, "input")
        read_input("imageGen", wire, "input")
    except BadRequest:
        return False
    return True


def test_there_is_a_guide_for_every_engine():
    assert tuple(guide.engine for guide in guides()) == FRIENDLY_ENGINES
    assert DEFAULT_ENGINE in FRIENDLY_ENGINES


@pytest.mark.parametrize("guide", guides(), ids=lambda guide: guide.engine)
class TestGuide:
    def test_sides_and_shapes(self, guide):
        if guide.side is None:
            assert guide.aspects
            assert all(taken(guide, aspectRatio=aspect) for aspect in guide.aspects)
            return
        least, most = int(guide.side.least), int(guide.side.most)
        assert taken(guide, width=least, height=most)
        assert not taken(guide, width=least - 16)
        assert not taken(guide, height=most + 16)

    def test_counts(self, guide):
        most = int(guide.quantity.most)
        assert taken(guide, quantity=most)
        assert not taken(guide, quantity=most + 1)

    def test_steps_and_cfg_scale(self, guide):
        for member, bounds in (("steps", guide.steps), ("cfgScale", guide.cfg_scale)):
            if bounds is None:
                assert not taken(guide, **{member: 5})
            else:
                assert taken(guide, **{member: int(bounds.least)})
                assert taken(guide, **{member: int(bounds.most)})
                assert not taken(guide, **{member: int(bounds.most) + 1})

    def test_operations(self, guide):
        assert ("edit" in guide.operations or "vary" in guide.operations) == taken(guide, images=[PIXEL])
        assert ("vary" in guide.operations) == taken(guide, images=[PIXEL], strength=0.5)

    def test_models(self, guide):
        assert all(taken(guide, model=model) for model in guide.models)
        assert not taken(guide, model="no-such-model") or guide.engine in ("sdxl", "sd1", "flux1")
        assert guide.takes_checkpoint == taken(guide, model="urn:air:sdxl:checkpoint:civitai:101@202")

    def test_negative_prompt_and_seed(self, guide):
        assert guide.takes_negative_prompt == taken(guide, negativePrompt="rain")
        assert guide.takes_seed == taken(guide, seed=7)


def test_shapes_are_listed_from_wide_to_tall():
    assert aspects()[0] == "21:9"
    assert aspects()[-1] == "9:21"
