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
    room = pipe.tokenizer.model_max_length - MARKS
    # 1 is the last layer, which is where an encoder ends that is not told otherwise.
    layer = order.clip_skip if order.clip_skip is not None and order.clip_skip > 1 else None
    wanted = list(_pieces(pipe.tokenizer, order.prompt, room)) or [""]
    unwanted = list(_pieces(pipe.tokenizer, order.negative_prompt, room)) or [""]
    count = max(len(wanted), len(unwanted))
    if count == 1 and layer is None:
        return {"prompt": order.prompt, "negative_prompt": order.negative_prompt}
    embeds, pooled = _embedded(pipe, wanted, count, layer)
    negative_embeds, negative_pooled = _embedded(pipe, unwanted, count, layer)
    given = {"prompt_embeds": embeds, "negative_prompt_embeds": negative_embeds}
    if pooled is not None:
        given |= {"pooled_prompt_embeds": pooled, "negative_pooled_prompt_embeds": negative_pooled}
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


def _embedded(pipe: Any, pieces: list[str], count: int, layer: int | None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """All pieces, filled up with nothing, as the encoders see them; and the first as a whole, where that is used."""
    padded = pieces + [""] * (count - len(pieces))
    if layer is not None:
        return torch.cat([_at_layer(pipe, piece, layer) for piece in padded], dim=1), None
    with torch.no_grad():
        encoded = [
            pipe.encode_prompt(
                prompt=piece, device=pipe.device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
            for piece in padded
        ]
    pooled = encoded[0][2] if len(encoded[0]) > 2 else None
    return torch.cat([parts[0] for parts in encoded], dim=1), pooled


def _at_layer(pipe: Any, text: str, layer: int) -> torch.Tensor:
    """What an encoder makes of a text at a layer, counted from its last.

    Not by diffusers' own `clip_skip`: that looks for a part of the encoder that transformers 5 has put elsewhere.
    """
    tokenizer, encoder = pipe.tokenizer, pipe.text_encoder
    read = tokenizer(text, padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
    with torch.no_grad():
        states = encoder(read.input_ids.to(pipe.device), output_hidden_states=True).hidden_states
        if layer >= len(states):
            raise TooLong(f"the encoder has {len(states) - 1} layers, and {layer} would be left out")
        normed: torch.Tensor = getattr(encoder, "text_model", encoder).final_layer_norm(states[-layer])
    return normed


def _tokens(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)
