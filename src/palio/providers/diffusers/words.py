"""Prompts as a pipeline takes them, none of them cut short. Runs in the child."""

from collections.abc import Iterator
from typing import Any

import torch

from palio.providers.diffusers.pipelines import AS_EMBEDDINGS, AS_WORDS, Recipe
from palio.providers.diffusers.protocol import Order

MARKS = 2
"""Tokens that stand for the beginning and the end of a text."""


class TooLong(Exception):
    """More words than the model can read."""


def words_of(pipe: Any, recipe: Recipe, order: Order) -> dict[str, Any]:
    """The arguments that say what is wanted, and what is not. Raises TooLong."""
    if recipe.tokens == 0:
        return _in_pieces(pipe, order)
    for prompt in (order.prompt, order.negative_prompt):
        # An encoder with a second tokenizer reads the words with that; its first only sees what they are about.
        tokenizer = getattr(pipe, "tokenizer_2", None) or pipe.tokenizer
        if (count := _tokens(tokenizer, prompt)) > recipe.tokens:
            raise TooLong(f"a prompt of {count} tokens is longer than the {recipe.tokens} that the model reads")
    given: dict[str, Any] = {"prompt": order.prompt}
    if recipe.negative == AS_WORDS:
        # Some pipelines are guided only where there is a negative prompt, be it of nothing.
        given["negative_prompt"] = order.negative_prompt or " "
    elif recipe.negative == AS_EMBEDDINGS and order.negative_prompt:
        with torch.no_grad():
            given["negative_prompt_embeds"] = pipe.encode_prompt(order.negative_prompt)[0]
    return given


def _in_pieces(pipe: Any, order: Order) -> dict[str, Any]:
    """For encoders that read 75 tokens at a time: longer prompts are read in pieces, put one after the other."""
    # Here 1 is the last layer; diffusers counts how many are left out.
    skipped = order.clip_skip - 1 if order.clip_skip is not None and order.clip_skip > 1 else None
    given: dict[str, Any] = {} if skipped is None else {"clip_skip": skipped}
    room = pipe.tokenizer.model_max_length - MARKS
    wanted = list(_pieces(pipe.tokenizer, order.prompt, room)) or [""]
    unwanted = list(_pieces(pipe.tokenizer, order.negative_prompt, room)) or [""]
    if len(wanted) == len(unwanted) == 1:
        return {"prompt": order.prompt, "negative_prompt": order.negative_prompt, **given}
    count = max(len(wanted), len(unwanted))
    given["prompt_embeds"], pooled = _embedded(pipe, wanted, count, given)
    given["negative_prompt_embeds"], pooled_negative = _embedded(pipe, unwanted, count, given)
    if pooled is not None:
        given |= {"pooled_prompt_embeds": pooled, "negative_pooled_prompt_embeds": pooled_negative}
    return given


def _pieces(tokenizer: Any, text: str, room: int) -> Iterator[str]:
    """A text cut between words into pieces of at most so many tokens."""
    piece: list[str] = []
    taken = 0
    for word in text.split():
        for part, size in _parts(tokenizer, word, room):
            if taken + size > room:
                yield " ".join(piece)
                piece, taken = [], 0
            piece.append(part)
            taken += size
    if piece:
        yield " ".join(piece)


def _parts(tokenizer: Any, word: str, room: int) -> Iterator[tuple[str, int]]:
    """A word and its tokens; halves of one that is too long."""
    size = _tokens(tokenizer, word)
    if size <= room or len(word) == 1:
        yield word, min(size, room)
        return
    middle = len(word) // 2
    yield from _parts(tokenizer, word[:middle], room)
    yield from _parts(tokenizer, word[middle:], room)


def _embedded(pipe: Any, pieces: list[str], count: int, given: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """All pieces, filled up with nothing, as the encoders see them; and the first as a whole, where that is used."""
    padded = pieces + [""] * (count - len(pieces))
    encoded = []
    with torch.no_grad():
        for piece in padded:
            encoded.append(  # noqa: PERF401 - a comprehension would hide what is computed
                pipe.encode_prompt(
                    prompt=piece,
                    device=pipe.device,
                    num_images_per_prompt=1,
                    do_classifier_free_guidance=False,
                    clip_skip=given.get("clip_skip"),
                )
            )
    pooled = encoded[0][2] if len(encoded[0]) > 2 else None
    return torch.cat([parts[0] for parts in encoded], dim=1), pooled


def _tokens(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)
