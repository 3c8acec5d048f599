from analysis.models import PostAnalysisRequest
from django.shortcuts import get_object_or_404
from rest_framework import generics

from .models import Post
from .serializers import PostSerializer


class PostList(generics.ListAPIView):
    serializer_class = PostSerializer

    def get_queryset(self):
        own = PostAnalysisRequest.objects.filter(user=self.request.user, deleted_at=None)
        request = get_object_or_404(own, pk=self.kwargs["request_id"])
        posts = Post.objects.filter(analysisrequestpost__request=request)
        return posts.order_by("analysisrequestpost__position").prefetch_related("media")
