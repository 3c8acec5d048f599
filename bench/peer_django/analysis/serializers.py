from rest_framework import serializers

from .follow_ups import follow_up_result
from .models import AnalysisRequestPost, AnalysisStatus, PostAnalysis, PostAnalysisRequest, Suggestion


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
            "handle",
            "handle_posts",
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
        fields = ["url", "state", "post_id", "is_partial", "error_category", "error", "measured", "baseline_reason"]


class FollowUpSerializer(serializers.ModelSerializer):
    url = serializers.CharField(source="new_url")
    result = serializers.SerializerMethodField()

    class Meta:
        model = Suggestion
        fields = ["url", "done_at", "result"]

    def get_result(self, suggestion):
        new = self.context["follow_ups"].get((suggestion.new_platform, suggestion.new_platform_post_id))
        return new and follow_up_result(new, suggestion.post_analysis.metadata_used)


class SuggestionSerializer(serializers.ModelSerializer):
    follow_up = serializers.SerializerMethodField()

    class Meta:
        model = Suggestion
        fields = ["id", "position", "text", "follow_up"]

    def get_follow_up(self, suggestion):
        return suggestion.done_at and FollowUpSerializer(suggestion, context=self.context).data


class PostAnalysisSerializer(serializers.ModelSerializer):
    post_id = serializers.UUIDField()
    suggestions = SuggestionSerializer(many=True)

    class Meta:
        model = PostAnalysis
        exclude = ["request", "post"]


class RequestDetailSerializer(RequestSerializer):
    is_shared = serializers.BooleanField()
    status_history = StatusSerializer(many=True)
    posts = RequestPostSerializer(many=True)
    post_analyses = PostAnalysisSerializer(many=True)

    class Meta(RequestSerializer.Meta):
        fields = [*RequestSerializer.Meta.fields, "is_shared", "status_history", "posts", "post_analyses"]
