"""Tables of users, plans and usage, as whyviral's migrations make them."""

from django.db import models


class User(models.Model):
    id = models.UUIDField(primary_key=True)
    clerk_user_id = models.TextField(unique=True)
    email = models.TextField(null=True)
    email_verified = models.BooleanField()
    full_name = models.TextField(null=True)
    company_name = models.TextField(null=True)
    profile_image = models.TextField(null=True)
    is_admin = models.BooleanField()
    created_at = models.DateTimeField()
    is_authenticated = True

    class Meta:
        managed = False
        db_table = "users"


class Plan(models.Model):
    id = models.UUIDField(primary_key=True)
    slug = models.TextField(unique=True)
    max_urls = models.IntegerField()
    max_handles = models.IntegerField()
    max_analyses_per_day = models.IntegerField()
    max_questions_per_day = models.IntegerField()

    class Meta:
        managed = False
        db_table = "plans"


class Subscription(models.Model):
    CURRENT = ("ACTIVE", "TRIAL", "CANCELING")

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.PROTECT)
    plan = models.ForeignKey(Plan, models.PROTECT)
    status = models.TextField()

    class Meta:
        managed = False
        db_table = "subscriptions"


class UserUsage(models.Model):
    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    usage_date = models.DateField()
    platform = models.TextField()
    url_lookups = models.IntegerField()
    questions_asked = models.IntegerField()
    handle_analyses = models.IntegerField()

    class Meta:
        managed = False
        db_table = "user_usage"
