import time
import uuid

from .models import ApiAccessLog


class AccessLogMiddleware:
    """Writes one row for each request, after the view and in its own transaction."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request_id, started = uuid.uuid4(), time.perf_counter()
        response = self.get_response(request)
        user = getattr(request, "user", None)  # DRF hands the user that it authenticated down to this request
        ApiAccessLog.objects.create(
            user_id=user.id if user and user.is_authenticated else None,
            request_id=str(request_id),
            method=request.method,
            route=request.resolver_match.route if request.resolver_match else None,
            status=response.status_code,
            response_time_ms=round((time.perf_counter() - started) * 1000),
            address=request.META.get("REMOTE_ADDR") or None,
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:300] or None,
        )
        response["X-Request-ID"] = str(request_id)
        return response
