from rest_framework import serializers

from .models import AnalysisRequestPost, AnalysisStatus, PostAnalysis, PostAnalysisRequest


class RequestSerializer(serializers.ModelSerializer):
    error = serializers.SerializerMethodField()
    cost_usd = serializers.FloatField()
    duration_seconds = serializers.FloatField()

    class Meta:
        model = PostAnalysisRequest
        fields = [
            "id",
            "platform",
            "post_urls",
            "display_name",
            "status",
            "progress",
            "attempt",
            "retry_count",
            "max_retries",
            "error_stage",
            "error_category",
            "error",
            "results",
            "posts_processed",
            "total_api_calls",
            "cost_usd",
            "duration_seconds",
            "created_at",
            "updated_at",
        ]

    def get_error(self, request):
        return request.error_details and request.error_details.get("message")


class StatusSerializer(serializers.ModelSerializer):
    cost_usd = serializers.FloatField()
    stage_cost_usd = serializers.FloatField()

    class Meta:
        model = AnalysisStatus
        exclude = ["id", "request"]


class RequestPostSerializer(serializers.ModelSerializer):
    post_id = serializers.UUIDField()

    class Meta:
        model = AnalysisRequestPost
        fields = ["url", "state", "post_id", "is_partial", "error_category", "error"]


class PostAnalysisSerializer(serializers.ModelSerializer):
    post_id = serializers.UUIDField()

    class Meta:
        model = PostAnalysis
        exclude = ["request", "post"]


class RequestDetailSerializer(RequestSerializer):
    status_history = StatusSerializer(many=True)
    posts = RequestPostSerializer(many=True)
    post_analyses = PostAnalysisSerializer(many=True)

    class Meta(RequestSerializer.Meta):
        fields = [*RequestSerializer.Meta.fields, "status_history", "posts", "post_analyses"]
