"""The access log, as whyviral's migrations make it."""

import uuid

from django.db import models


class ApiAccessLog(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    created_at = models.DateTimeField(auto_now_add=True)
    request_id = models.TextField()
    method = models.TextField()
    route = models.TextField(null=True)
    status = models.IntegerField()
    response_time_ms = models.IntegerField()
    user_id = models.UUIDField(null=True)
    address = models.TextField(null=True)
    user_agent = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "api_access_logs"
