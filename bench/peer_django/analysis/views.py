from rest_framework import generics

from .models import PostAnalysisRequest
from .serializers import RequestDetailSerializer, RequestSerializer


class RequestList(generics.ListAPIView):
    serializer_class = RequestSerializer

    def get_queryset(self):
        return PostAnalysisRequest.objects.filter(user=self.request.user).order_by("-created_at", "id")


class RequestDetail(generics.RetrieveAPIView):
    serializer_class = RequestDetailSerializer

    def get_queryset(self):
        own = PostAnalysisRequest.objects.filter(user=self.request.user)
        return own.prefetch_related("status_history", "posts", "post_analyses")
