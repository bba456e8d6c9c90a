"""Clients that never lose track: each submits under a name of its own, and asks again until there is an answer."""

import asyncio
import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from PIL import Image
from tests.chaos.ledger import jobs
from tests.chaos.vendors import REFUSED

WORKFLOWS = "/v2/consumer/workflows"
FINAL = ("succeeded", "failed", "expired", "canceled")
SIDE = 192
"""Pixels; noise of this size does not fit into a record and becomes a file."""


@dataclass
class Order:
    """What a client wanted, and what it knows of it."""

    number: int
    quantity: int
    refused: bool
    cancels: bool
    ids: set[str] = field(default_factory=set)
    """Every id that a submission was answered with: one, if all is right."""
    end: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        prompt = f"order {self.number}" + (f" {REFUSED}" if self.refused else "")
        image = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
        input_ = {**image, "prompt": prompt, "quantity": self.quantity, "width": SIDE, "height": SIDE}
        step = {"$type": "imageGen", "retries": 5, "input": {**input_, "outputFormat": "png"}}
        return {"externalId": f"order-{self.number}", "steps": [step]}


@dataclass
class Crowd:
    """As many clients as there are workflows under way at a time. `url` and `token` are those of the server now."""

    size: int
    random: Random
    url: str = ""
    token: str = ""
    orders: list[Order] = field(default_factory=list)
    closing: bool = False
    """Whether no new orders are made."""
    asked: int = 0
    unanswered: int = 0
    unexpected: list[str] = field(default_factory=list)
    """Answers that a client would not know what to do with."""

    async def run(self) -> None:
        """Order until `closing`, then see every order to its end."""
        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=self.size)) as client:
            numbers = itertools.count()
            async with asyncio.TaskGroup() as group:
                for _ in range(self.size):
                    group.create_task(self._client(client, numbers))

    @property
    def ended(self) -> int:
        return sum(order.end is not None for order in self.orders)

    async def _client(self, client: httpx.AsyncClient, numbers: "itertools.count[int]") -> None:
        while not self.closing:
            chance = self.random.random
            order = Order(next(numbers), self.random.choice((1, 1, 2)), chance() < 0.05, chance() < 0.08)
            self.orders.append(order)
            await self._see_through(client, order)

    async def _see_through(self, client: httpx.AsyncClient, order: Order) -> None:
        id_ = await self._submit(client, order)
        if self.random.random() < 0.2:
            await self._submit(client, order)
        if order.cancels:
            await asyncio.sleep(self.random.uniform(0, 2))
            await self._ask(client, "PUT", f"{WORKFLOWS}/{id_}", json={"status": "canceled"})
        while order.end is None:
            # Held for less than a server lives: the connection ends with the server, and an answer may be lost.
            reply = await self._ask(client, "GET", f"{WORKFLOWS}/{id_}", params={"wait": 5})
            workflow = reply.json()
            if workflow["status"] in FINAL:
                order.end = workflow

    async def _submit(self, client: httpx.AsyncClient, order: Order) -> str:
        reply = await self._ask(client, "POST", WORKFLOWS, json=order.body())
        id_ = str(reply.json()["id"])
        order.ids.add(id_)
        return id_

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask until a server answers."""
        while True:
            self.asked += 1
            headers = {"Authorization": f"Bearer {self.token}"}
            try:
                reply = await client.request(method, f"{self.url}{path}", headers=headers, **more)
            except (httpx.TransportError, httpx.UnsupportedProtocol):
                self.unanswered += 1
            else:
                if reply.is_success:
                    return reply
                if reply.status_code != 429:
                    self.unexpected.append(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
            await asyncio.sleep(self.random.uniform(0.05, 0.3))

    async def pictures(self) -> list[str]:
        """What is wrong with the images of succeeded workflows, downloaded as any client would."""
        wrong: list[str] = []
        places = asyncio.Semaphore(8)
        async with httpx.AsyncClient(timeout=30, follow_redirects=True) as client:

            async def look(order: Order, blob: Mapping[str, Any]) -> None:
                try:
                    async with places:
                        # Signed for the server that told it, which may be gone: its address is the new one's.
                        path = "/" + str(blob["url"]).split("/", 3)[3]
                        reply = (await client.get(f"{self.url}{path}")).raise_for_status()
                    picture = Image.open(io.BytesIO(reply.content))
                    picture.load()
                    if picture.size != (SIDE, SIDE):
                        wrong.append(f"order {order.number}: image {blob['id']} is {picture.size}")
                except Exception as error:
                    wrong.append(f"order {order.number}: image {blob['id']}: {error!r}")

            async with asyncio.TaskGroup() as group:
                for order in self.orders:
                    if order.end is not None and order.end["status"] == "succeeded":
                        images = order.end["steps"][0]["output"]["images"]
                        if len(images) != order.quantity or len(jobs(order.end)) != order.quantity:
                            wrong.append(f"order {order.number}: {len(images)} images of {order.quantity}")
                        for blob in images:
                            group.create_task(look(order, blob))
        return wrong
