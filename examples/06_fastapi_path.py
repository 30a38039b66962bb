"""Doorward below a path of a FastAPI application: `uvicorn examples.06_fastapi_path:app`."""

import os

from fastapi import FastAPI
from fastmcp import FastMCP

from doorward import Door

mcp = FastMCP("Notes")


@mcp.tool
def note(text: str) -> str:
    """Take a note."""
    return f"noted: {text}"


door = Door(
    mcp.http_app(),
    public_url=os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000/api"),
    owner_password=os.environ.get("OWNER_PASSWORD"),
)
app = FastAPI(routes=door.well_known_routes(), lifespan=door.lifespan)
app.mount("/api", door)


@app.get("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}
