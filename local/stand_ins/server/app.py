"""The application of the stand-ins: one app, one state, one prefix for each vendor."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from local.same_origin import SameOriginOnly
from local.stand_ins.anthropic import routes as anthropic
from local.stand_ins.brightdata import routes as brightdata
from local.stand_ins.clerk import routes as clerk
from local.stand_ins.clerk.errors import error_body
from local.stand_ins.dodo import control as dodo_control
from local.stand_ins.dodo import pages as dodo_pages
from local.stand_ins.dodo import routes as dodo
from local.stand_ins.dodo.account import DodoAccount
from local.stand_ins.dodo.business.refusals import BusinessRefusal
from local.stand_ins.dodo.errors import error_body as dodo_error_body
from local.stand_ins.dodo.errors import render_business_refusal
from local.stand_ins.gemini import routes as gemini
from local.stand_ins.media import hosts
from local.stand_ins.openai import routes as openai
from local.stand_ins.scenario.refusals import Refusal, render_refusal
from local.stand_ins.self_hosted import routes as self_hosted
from local.stand_ins.server import control
from local.stand_ins.server.gate import Gate
from local.stand_ins.state import StandIns
from local.stand_ins.supabase import routes as supabase
from local.stand_ins.supabase.storage import Storage, StorageRefusal
from local.stand_ins.twitterapi import routes as twitterapi
from local.stand_ins.youtube import data_api as youtube_data_api
from local.stand_ins.youtube import routes as youtube


def create_app(storage_folder: Path | None = None, dodo_file: Path | None = None) -> FastAPI:
    """Return the app; its state is in memory, except for stored files and Dodo's books if they have a place."""
    app = FastAPI(title="Stand-ins", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stand_ins = StandIns(storage=Storage(storage_folder), dodo=DodoAccount(dodo_file))
    app.add_middleware(Gate, stand_ins=app.state.stand_ins)
    app.add_middleware(SameOriginOnly, prefix=control.router.prefix)
    app.add_exception_handler(Refusal, render_refusal)
    app.add_exception_handler(BusinessRefusal, render_business_refusal)
    app.add_exception_handler(StorageRefusal, supabase.render_storage_refusal)
    app.add_exception_handler(RequestValidationError, _explain)
    vendors = (
        clerk.router,
        twitterapi.router,
        brightdata.router,
        dodo.router,
        dodo_pages.router,
        supabase.router,
        youtube.router,
        youtube_data_api.router,
        youtube.thumbnails_router,  # before the route that matches every media host
        hosts.router,
        *gemini.routers(),
        openai.router,
        anthropic.router,
        self_hosted.router,
    )
    orders = (control.router, brightdata.control_router, dodo_control.router, hosts.control_router)
    for router in (*vendors, *orders):
        app.include_router(router)
    return app


async def _explain(request: Request, exc: Exception) -> JSONResponse:
    """Report the invalid fields and why, without the input, which may be a key or a whole video."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - registered only for this class
    details = [{"field": ".".join(map(str, error["loc"][1:])), "reason": error["msg"]} for error in exc.errors()]
    if request.url.path.startswith("/clerk/"):
        first = details[0]
        return JSONResponse(error_body(422, "form_param_format_invalid", first["reason"], first["field"]), 422)
    if request.url.path.startswith("/dodo/"):
        first = details[0]
        return JSONResponse(dodo_error_body(422, message=f"{first['field']}: {first['reason']}"), 422)
    return JSONResponse({"error": "the request is not valid", "details": details}, 422)
