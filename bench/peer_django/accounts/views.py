from datetime import UTC, datetime, time, timedelta

from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import Subscription, User, UserUsage


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "email_verified",
            "full_name",
            "company_name",
            "profile_image",
            "is_admin",
            "created_at",
        ]


class Me(generics.RetrieveAPIView):
    serializer_class = UserSerializer

    def get_object(self):
        return self.request.user


class UsageLimits(APIView):
    def get(self, request):
        current = Subscription.objects.select_related("plan")
        plan = current.get(user=request.user, status__in=Subscription.CURRENT).plan
        today = datetime.now(UTC).date()
        rows = {row.platform: row for row in UserUsage.objects.filter(user=request.user, usage_date=today)}
        return Response(
            {
                "plan": plan.slug,
                "max_urls": plan.max_urls,
                "max_analyses_per_day": plan.max_analyses_per_day,
                "max_questions_per_day": plan.max_questions_per_day,
                "max_handles": plan.max_handles,
                "resets_at": datetime.combine(today + timedelta(days=1), time(), UTC),
                "platforms": [left(plan, name, rows.get(name)) for name in ("instagram", "x", "youtube")],
            }
        )


def left(plan, platform, used):
    return {
        "platform": platform,
        "analyses_left": max(0, plan.max_analyses_per_day - (used.url_lookups if used else 0)),
        "questions_left": max(0, plan.max_questions_per_day - (used.questions_asked if used else 0)),
        "handles_left": max(0, plan.max_handles - (used.handle_analyses if used else 0)),
    }
