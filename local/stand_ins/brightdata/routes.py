"""Bright Data's Scraper API. Source: docs.brightdata.com, 2026-11; the plain texts as recorded in 2026-09."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from local.stand_ins.brightdata.jobs import PROFILE_FIELDS, PROFILES, REELS, SOURCES, Job, JobStatus, Settings
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

_NOT_READY = "Snapshot is not ready yet, try again in 30s"


async def _require_key(authorization: Annotated[str, Header()] = "") -> None:
    scheme, _, key = authorization.partition(" ")
    match scheme.lower(), key.strip():
        case "", _:
            raise Refusal(401, "Credentials are missing")
        case "basic", _:
            raise Refusal(401, "Basic auth is not allowed")
        case "bearer", "bad-key":
            raise Refusal(401, "Invalid credentials")
        case "bearer", key if key:
            return
    raise Refusal(401, "Auth method is not supported")


router = APIRouter(prefix="/brightdata/datasets/v3", dependencies=[Depends(_require_key)])
control_router = APIRouter(prefix="/__control")


@control_router.post("/brightdata")
async def set_up(state: State, settings: Settings) -> Settings:
    """Set the behaviour of jobs that are triggered from now on."""
    state.brightdata.settings = settings
    return settings


@router.post("/trigger")
async def trigger(request: Request, state: State, include_errors: str = "false") -> dict[str, str]:
    """Start a job; missing pages are reported with its result."""
    return {"snapshot_id": await _start_job(request, state, includes_errors=include_errors == "true")}


@router.post("/scrape")
async def scrape(request: Request, state: State, include_errors: str = "false") -> Response:
    """Keep the connection open until the job is ready, or return its id after the hold time."""
    snapshot_id = await _start_job(request, state, includes_errors=include_errors == "true")
    job = state.brightdata.by_id[snapshot_id]
    await state.faults.pause(min(job.settings.delay_s, job.settings.hold_s))
    if job.status is JobStatus.READY:
        return JSONResponse(job.rows(state))
    return JSONResponse({"snapshot_id": snapshot_id, "message": _NOT_READY}, 202, {"Retry-After": "30"})


@router.get("/progress/{snapshot_id}")
async def get_progress(snapshot_id: str, state: State) -> dict[str, Any]:
    """Return the progress of a job."""
    job = _get_job(state, snapshot_id)
    progress: dict[str, Any] = {"status": job.status, "snapshot_id": snapshot_id, "dataset_id": job.dataset_id}
    match job.status:
        case JobStatus.STARTING | JobStatus.RUNNING:
            return progress | {"running_time": round(job.running_s * 1000)}
        case JobStatus.FAILED:
            return progress | {"error_message": job.settings.fails_with}
        case JobStatus.CANCELED:
            return progress | {"error_codes": {"aborted_page": len(job.urls)}}
        case JobStatus.READY:
            codes = [row["error_code"] for row in job.rows(state) if "error_code" in row]
            counts = {code: codes.count(code) for code in codes}
            progress |= {"records": len(job.urls) - len(codes), "errors": len(codes)}
            progress |= {"collection_duration": round(job.settings.delay_s * 1000)}
            return progress | ({"error_codes": counts} if counts else {})


@router.get("/snapshot/{snapshot_id}")
async def get_snapshot(snapshot_id: str, state: State) -> Response:
    """Return the result of a job; the first call after it is ready is refused."""
    job = _get_job(state, snapshot_id)
    if job.status in {JobStatus.FAILED, JobStatus.CANCELED}:
        raise Refusal(400, "Snapshot is empty")
    if job.status is not JobStatus.READY or not job.snapshot_was_late:
        job.snapshot_was_late = job.status is JobStatus.READY
        status = "building" if job.snapshot_was_late else job.status
        return JSONResponse({"status": status, "message": _NOT_READY}, 202)
    rows = job.rows(state)
    if not rows:
        raise Refusal(400, "Snapshot is empty")
    return JSONResponse(rows)


@router.post("/snapshot/{snapshot_id}/cancel")
async def cancel(snapshot_id: str, state: State) -> PlainTextResponse:
    """Cancel a running job."""
    job = _get_job(state, snapshot_id)
    if job.status not in {JobStatus.STARTING, JobStatus.RUNNING}:
        raise Refusal(400, "Snapshot is not running")
    job.is_canceled = True
    return PlainTextResponse("OK")


def _get_job(state: State, snapshot_id: str) -> Job:
    job = state.brightdata.by_id.get(snapshot_id)
    if job is None:
        raise Refusal(404, "Snapshot does not exist")
    return job


async def _start_job(request: Request, state: State, *, includes_errors: bool) -> str:
    dataset_id = request.query_params.get("dataset_id")
    if not dataset_id:
        raise Refusal(404, "Collector not found")
    if dataset_id != PROFILES and dataset_id not in SOURCES:
        raise Refusal(404, "dataset does not exist")
    query = request.query_params
    kind = query.get("type", "url_collection")
    if kind not in ("url_collection", "discover_new"):
        reason = '"type" must be one of [discover_new, url_collection]'
        raise Refusal(400, {"validation_errors": [reason]})
    discovers = kind == "discover_new"
    if discovers and (dataset_id != REELS or query.get("discover_by") != "url"):
        raise Refusal(400, "This dataset does not support collection")
    is_about_profile = discovers or dataset_id == PROFILES
    known_fields = PROFILE_FIELDS if is_about_profile else SOURCES[dataset_id].input_fields
    urls = _urls(await request.body(), known_fields)
    limit = query.get("limit_per_input", "")
    # Without a limit the vendor collects, and bills, the whole profile.
    discover_most = (int(limit) if limit.isdigit() else 10**6) if discovers else None
    return state.brightdata.trigger(dataset_id, urls, includes_errors=includes_errors, discover_most=discover_most)


def _urls(content: bytes, known_fields: frozenset[str]) -> list[str]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise Refusal(400, {"error": "Could not parse the body", "code": "parse_error"}) from None
    inputs = body.get("input", body) if isinstance(body, Mapping) else body
    rows = inputs if isinstance(inputs, list) else [inputs]
    if not rows:
        raise Refusal(400, "No data to trigger")
    urls = []
    for row in rows:
        errors = _problems(row, known_fields)
        if errors:
            refusal = {"error": "Invalid input provided", "code": "validation_error", "type": "validation"}
            raise Refusal(400, refusal | {"errors": errors})
        urls.append(row["url"])
    return urls


def _problems(row: Any, known_fields: frozenset[str]) -> list[list[str]]:
    if not isinstance(row, Mapping) or not row.get("url"):
        return [["url", "Required field"]]
    if not isinstance(row["url"], str):
        return [["url", "Invalid type"]]
    return [[name, "Unknown field"] for name in row if name not in known_fields]
