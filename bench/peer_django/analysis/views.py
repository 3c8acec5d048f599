from django.db.models import Exists, OuterRef
from rest_framework import generics
from rest_framework.response import Response

from .follow_ups import find_follow_ups
from .models import PostAnalysisRequest, ShareLink
from .serializers import RequestDetailSerializer, RequestSerializer


class RequestList(generics.ListAPIView):
    serializer_class = RequestSerializer

    def get_queryset(self):
        own = PostAnalysisRequest.objects.filter(user=self.request.user, deleted_at=None)
        return own.order_by("-created_at", "id")


class RequestDetail(generics.RetrieveAPIView):
    def get_queryset(self):
        own = PostAnalysisRequest.objects.filter(user=self.request.user, deleted_at=None)
        own = own.annotate(is_shared=Exists(ShareLink.objects.filter(request=OuterRef("pk"))))
        return own.prefetch_related("status_history", "posts", "post_analyses__suggestions")

    def retrieve(self, request, *args, **kwargs):  # noqa: ARG002 - DRF's signature
        found = self.get_object()
        suggestions = [each for analysis in found.post_analyses.all() for each in analysis.suggestions.all()]
        context = {"follow_ups": find_follow_ups(request.user, suggestions)}
        return Response(RequestDetailSerializer(found, context=context).data)
