"""Doorward below a path of a Starlette application: `uvicorn examples.05_starlette_path:app`."""

import os

from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

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


async def hello(_: Request) -> JSONResponse:
    return JSONResponse({"hello": "world"})


app = Starlette(
    routes=[*door.well_known_routes(), Mount("/api", door), Route("/hello", hello)],
    lifespan=door.lifespan,
)
