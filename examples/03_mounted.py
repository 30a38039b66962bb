"""Doorward inside a FastAPI application, next to its other routes: `uvicorn examples.03_mounted:app`."""

from fastapi import FastAPI
from fastmcp import FastMCP

from doorward import Door

mcp = FastMCP("Notes")


@mcp.tool
def note(text: str) -> str:
    """Take a note."""
    return f"noted: {text}"


door = Door(mcp.http_app(), public_url="http://127.0.0.1:8000")
app = FastAPI(lifespan=door.lifespan)


@app.get("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}


app.mount("/", door)
