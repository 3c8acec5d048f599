from rest_framework import serializers

from .models import Post, PostMedia


class MediaSerializer(serializers.ModelSerializer):
    duration_s = serializers.FloatField()
    frames = serializers.SerializerMethodField()
    timeline = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = PostMedia
        exclude = ["post", "position", "measurements"]

    def get_frames(self, medium):
        return medium.frames and [{"at_s": frame["at_s"], "url": frame["url"]} for frame in medium.frames]

    def get_timeline(self, medium):
        return medium.measurements and medium.measurements.get("timeline")

    def get_error(self, medium):
        return medium.error and medium.error["message"]


class PostSerializer(serializers.ModelSerializer):
    engagement_score = serializers.FloatField()
    media = MediaSerializer(many=True)
    has_speech = serializers.SerializerMethodField()

    class Meta:
        model = Post
        exclude = ["platform_post_id"]

    def get_has_speech(self, post):
        known = [medium.has_speech for medium in post.media.all() if medium.has_speech is not None]
        return any(known) if known else None
