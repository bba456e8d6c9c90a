"""What Palio is measured against: the bare FastAPI endpoint that echoes the same body."""

from fastapi import FastAPI

app = FastAPI()


@app.post("/echo")
async def echo(body: dict[str, object]) -> dict[str, object]:
    return body
