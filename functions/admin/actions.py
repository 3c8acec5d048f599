"""The routes of actions: each takes a form with a reason, acts, and leads back to the page it came from."""

import uuid
from collections.abc import Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from whyviral.admin import actions, refunds
from whyviral.admin.audit import Intent, TargetNotFound
from whyviral.admin.models import ActionName, TargetType
from whyviral.core.errors import AppError
from whyviral.integrations.errors import ProviderError

from .errors import Unavailable, error_page
from .services import Services, administrator_of, form_of, services_of

type Act = Callable[[Services, Intent, dict[str, str]], str]
"""Does an action and returns what happened, as a key of `NOTICES`."""

NOTICES = {
    "requeued": "The event is in the queue again.",
    "retried": "The request is running again.",
    "retry_waits": "The request is to run again; the sweeper starts it within minutes.",
    "platform_on": "The platform is on: new posts of it are accepted.",
    "platform_off": "The platform is off: new posts of it are refused until you switch it on.",
    "refunded": "Dodo has accepted the refund; its report follows by webhook.",
    "plan_changed": "The user is on the chosen plan now.",
}
"""What a page says after an action."""
_SEE_OTHER = 303


def routes() -> list[Route]:
    """Return the routes of all actions."""
    return [
        _route("events", "requeue", ActionName.REQUEUE_EVENT, TargetType.WEBHOOK_EVENT, "webhook-event", _requeue),
        _route("requests", "retry", ActionName.RETRY_REQUEST, TargetType.REQUEST, "post-analysis-request", _retry),
        _route("platforms", "on", ActionName.SWITCH_PLATFORM, TargetType.PLATFORM, "platform-row", _switch_on),
        _route("platforms", "off", ActionName.SWITCH_PLATFORM, TargetType.PLATFORM, "platform-row", _switch_off),
        _route("payments", "refund", ActionName.REFUND_PAYMENT, TargetType.PAYMENT, "payment", _refund),
        _route("users", "plan", ActionName.CHANGE_PLAN, TargetType.USER, "user", _change_plan),
    ]


def _route(folder: str, verb: str, action: ActionName, target: TargetType, view: str, act: Act) -> Route:
    async def handle(request: Request) -> Response:
        try:
            target_id = uuid.UUID(request.path_params["target_id"])
        except ValueError:
            return await error_page(request, services_of(request).templates, TargetNotFound(target))
        return await _run(request, action, target, target_id, view, act)

    name = f"{folder}-{verb}"
    return Route(f"/admin/actions/{folder}/{{target_id}}/{verb}", handle, methods=["POST"], name=name)


async def _run(
    request: Request, action: ActionName, target: TargetType, target_id: uuid.UUID, view: str, act: Act
) -> Response:
    services, form = services_of(request), form_of(request)
    try:
        intent = Intent(administrator_of(request).user.id, action, target, target_id, form.get("reason", ""))
        notice = await to_thread.run_sync(act, services, intent, form)
    except AppError as exc:
        return await error_page(request, services.templates, exc)
    except ProviderError as exc:
        return await error_page(request, services.templates, Unavailable(exc.message))
    address = f"{services.settings.prefix}/admin/{view}/details/{target_id}?notice={notice}"
    return RedirectResponse(address, _SEE_OTHER)


def _requeue(services: Services, intent: Intent, _form: dict[str, str]) -> str:
    actions.requeue_event(services.engine, services.queue, intent, now=services.clock())
    return "requeued"


def _retry(services: Services, intent: Intent, _form: dict[str, str]) -> str:
    is_started = actions.retry_request(
        services.engine,
        services.workflow,
        intent,
        max_usd_per_day=services.settings.max_cost_usd_per_day,
        free_share=services.settings.free_share_of_day,
        now=services.clock(),
    )
    return "retried" if is_started else "retry_waits"


def _switch_on(services: Services, intent: Intent, _form: dict[str, str]) -> str:
    actions.switch_platform(services.engine, intent, is_active=True)
    return "platform_on"


def _switch_off(services: Services, intent: Intent, _form: dict[str, str]) -> str:
    actions.switch_platform(services.engine, intent, is_active=False)
    return "platform_off"


def _refund(services: Services, intent: Intent, _form: dict[str, str]) -> str:
    refunds.refund_payment(services.engine, services.dodo, intent, now=services.clock())
    return "refunded"


def _change_plan(services: Services, intent: Intent, form: dict[str, str]) -> str:
    actions.change_plan(services.engine, intent, plan_slug=form.get("plan", ""))
    return "plan_changed"
