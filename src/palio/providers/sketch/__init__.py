"""The embedded offline illustrator: a prompt in, an honest vector picture out."""

from palio.providers.sketch.sketch import LICENCE_NOTICE, Sketch, draw

__all__ = ["LICENCE_NOTICE", "Sketch", "draw"]
