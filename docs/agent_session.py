"""A session as an agent has it, printed as a transcript: list tools, fail, read why, correct it, see the image.

    PALIO_TOKEN=... python docs/agent_session.py [http://127.0.0.1:9090/mcp]

`docs/agents.md` has its output; a test runs it again and compares.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9090/mcp"
GENERATE = "civitai-generate-image"


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['PALIO_TOKEN']}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120) as http,
        Client(streamable_http_client(URL, http_client=http)) as client,
    ):
        print("> tools/list")
        for tool in (await client.list_tools()).tools:
            print(f"{tool.name}: {tool.description}")

        picture = {"engine": "flux1", "prompt": "a fox with a lantern in a snowy forest at night", "size": "1600x900"}
        await call(client, GENERATE, picture)
        await call(client, GENERATE, {**picture, "size": "1216x832"})


async def call(client: Client, name: str, arguments: dict[str, str]) -> None:
    print(f"\n> tools/call {name} {json.dumps(arguments)}")
    result = await client.call_tool(name, arguments)
    if result.is_error:
        print("(error)")
    for block in result.content:
        match block.type:
            case "text":
                print(block.text)
            case "image":
                print(f"[image: {block.mime_type}]")
            case "resource_link":
                print(f"[link: {block.uri} {block.mime_type}]")


asyncio.run(main())
