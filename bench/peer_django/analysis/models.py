"""Tables of analyses, as whyviral's migrations make them."""

from accounts.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from social.models import Post


class PostAnalysisRequest(models.Model):
    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    platform = models.TextField()
    post_urls = ArrayField(models.TextField())
    handle = models.TextField(null=True)
    handle_posts = models.IntegerField(null=True)
    display_name = models.TextField(null=True)
    status = models.TextField()
    progress = models.IntegerField()
    attempt = models.IntegerField()
    retry_count = models.IntegerField()
    max_retries = models.IntegerField()
    error_stage = models.TextField(null=True)
    error_category = models.TextField(null=True)
    error_details = models.JSONField(null=True)
    results = models.JSONField(null=True)
    posts_processed = models.IntegerField()
    total_api_calls = models.IntegerField()
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6)
    duration_seconds = models.DecimalField(max_digits=10, decimal_places=3, null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "post_analysis_requests"


class AnalysisRequestPost(models.Model):
    id = models.UUIDField(primary_key=True)
    request = models.ForeignKey(PostAnalysisRequest, models.CASCADE, related_name="posts")
    position = models.IntegerField()
    url = models.TextField()
    state = models.TextField()
    post = models.ForeignKey(Post, models.PROTECT, null=True)
    is_partial = models.BooleanField()
    error_category = models.TextField(null=True)
    error = models.TextField(null=True)
    measured = models.JSONField(null=True)
    baseline_reason = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "analysis_request_posts"
        ordering = ["position"]


class PostAnalysis(models.Model):
    id = models.UUIDField(primary_key=True)
    request = models.ForeignKey(PostAnalysisRequest, models.CASCADE, related_name="post_analyses")
    post = models.ForeignKey(Post, models.PROTECT)
    metrics = models.JSONField()
    is_viral = models.BooleanField()
    virality_reasoning = models.TextField()
    quick_takeaways = models.JSONField()
    creator_context = models.TextField()
    content_observation = models.JSONField()
    replicable_elements = models.JSONField()
    viral_formula = models.TextField()
    improvements = models.JSONField()
    suggestions_for_future_posts = models.JSONField()
    analysis_data = models.JSONField()
    metadata_used = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "post_analyses"
        ordering = ["created_at"]


class Suggestion(models.Model):
    id = models.UUIDField(primary_key=True)
    post_analysis = models.ForeignKey(PostAnalysis, models.CASCADE, related_name="suggestions")
    position = models.IntegerField()
    text = models.TextField()
    done_at = models.DateTimeField(null=True)
    new_url = models.TextField(null=True)
    new_platform = models.TextField(null=True)
    new_platform_post_id = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "suggestions"
        ordering = ["position"]


class ShareLink(models.Model):
    id = models.UUIDField(primary_key=True)
    request = models.OneToOneField(PostAnalysisRequest, models.CASCADE, related_name="share_link")

    class Meta:
        managed = False
        db_table = "share_links"


class AnalysisStatus(models.Model):
    id = models.UUIDField(primary_key=True)
    request = models.ForeignKey(PostAnalysisRequest, models.CASCADE, related_name="status_history")
    seq = models.IntegerField()
    attempt = models.IntegerField()
    stage = models.TextField()
    progress = models.IntegerField()
    message = models.TextField()
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    stage_cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "analysis_status_history"
        ordering = ["seq"]
