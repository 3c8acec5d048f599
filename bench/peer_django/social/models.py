"""Tables of public posts, as whyviral's migrations make them."""

from django.db import models


class Post(models.Model):
    id = models.UUIDField(primary_key=True)
    platform = models.TextField()
    platform_post_id = models.TextField()
    url = models.TextField()
    username = models.TextField(null=True)
    author = models.JSONField(null=True)
    content = models.TextField(null=True)
    language = models.TextField(null=True)
    posted_at = models.DateTimeField(null=True)
    metrics = models.JSONField()
    engagement_score = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    details = models.JSONField()
    transcript = models.TextField(null=True)
    formatted_transcript = models.TextField(null=True)
    fetched_at = models.DateTimeField(null=True)
    is_stand_in = models.BooleanField()

    class Meta:
        managed = False
        db_table = "posts"


class PostMedia(models.Model):
    id = models.UUIDField(primary_key=True)
    post = models.ForeignKey(Post, models.CASCADE, related_name="media")
    position = models.IntegerField()
    kind = models.TextField()
    content_type = models.TextField(null=True)
    supabase_url = models.TextField(null=True)
    thumbnail_url = models.TextField(null=True)
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    duration_s = models.DecimalField(max_digits=10, decimal_places=3, null=True)
    has_speech = models.BooleanField(null=True)
    language = models.TextField(null=True)
    transcript = models.TextField(null=True)
    transcript_source = models.TextField(null=True)
    transcript_truncated = models.BooleanField()
    frames = models.JSONField(null=True)
    measurements = models.JSONField(null=True)
    error = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "post_media"
        ordering = ["position"]
