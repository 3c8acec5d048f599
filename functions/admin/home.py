"""The first page: charts of the last days."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whyviral.admin.dashboard import DAY_RANGES, Dashboard, get_dashboard
from whyviral.analysis.models import RequestStatus
from whyviral.core.database import reading_session

from . import charts
from .services import Services, services_of

_DEFAULT_DAYS = 30
_TEMPORARY = 307


async def get_root(request: Request) -> Response:
    """Lead to the first page."""
    return RedirectResponse(f"{services_of(request).settings.prefix}/admin/home", _TEMPORARY)


async def get_home(request: Request) -> Response:
    """Return the first page."""
    services = services_of(request)
    wanted = request.query_params.get("days", "")
    days = next((each for each in DAY_RANGES if str(each) == wanted), _DEFAULT_DAYS)
    dashboard = await to_thread.run_sync(_load, services, days)
    context: dict[str, Any] = {"dashboard": dashboard, "days": days, "ranges": DAY_RANGES, "charts": _charts(dashboard)}
    return await services.templates.TemplateResponse(request, "home.html", context)


def _load(services: Services, days: int) -> Dashboard:
    with reading_session(services.engine) as session:
        return get_dashboard(session, days=days, now=services.clock())


def _charts(dashboard: Dashboard) -> dict[str, charts.Chart]:
    outcomes = charts.by_day(dashboard.days, [(day, status, number) for day, status, number in dashboard.outcomes])
    costs = charts.by_day(dashboard.days, [(day, provider, float(cost)) for day, provider, cost in dashboard.costs])
    users = charts.by_day(dashboard.days, [(day, "active users", number) for day, number in dashboard.active_users])
    medians = {each.day: each.median_s for each in dashboard.durations}
    slowest = {each.day: each.p95_s for each in dashboard.durations}
    return {
        "outcomes": charts.stacked_bars(
            dashboard.days, {status.lower(): outcomes[status] for status in RequestStatus if status in outcomes}
        ),
        "durations": charts.lines(dashboard.days, {"median": medians, "95th percentile": slowest}, unit=" s"),
        "costs": charts.stacked_bars(dashboard.days, costs, unit=" USD"),
        "users": charts.stacked_bars(dashboard.days, users),
    }
