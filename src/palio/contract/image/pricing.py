"""The shapes that the published price formulas of images share. Amounts are Buzz."""

from palio.contract.image.aspect import MEGAPIXEL
from palio.contract.price import Price


def by_pixels_and_steps(base: float, pixels: float, steps: float, quantity: int, at_pixels: int = MEGAPIXEL) -> Price:
    """`base` for an image of `at_pixels`; `steps` is already relative to the usual number of steps."""
    return Price({"base": base, "pixels": pixels / at_pixels, "steps": steps, "quantity": quantity})


def by_steps_and_references(base: float, steps: int, references: int, cfg_scale: float, quantity: int) -> Price:
    """`base` for each step and each picture the model looks at; guidance other than 1 runs it twice."""
    guidance = 1 if cfg_scale == 1 else 2
    return Price({"base": base, "steps": steps, "images": references + 1, "guidance": guidance, "quantity": quantity})


def by_image(base: float, quantity: int) -> Price:
    """`base` for each image."""
    return Price({"base": base, "quantity": quantity})
