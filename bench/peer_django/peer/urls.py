from accounts import views as accounts
from analysis import views as analysis
from django.urls import path
from social import views as social

urlpatterns = [
    path("api/accounts/me/", accounts.Me.as_view()),
    path("api/accounts/usage/limits/", accounts.UsageLimits.as_view()),
    path("api/analysis/requests/", analysis.RequestList.as_view()),
    path("api/analysis/requests/<uuid:pk>/", analysis.RequestDetail.as_view()),
    path("api/social/posts/analysis/<uuid:request_id>/", social.PostList.as_view()),
]
