"""Session tokens in Clerk's form: RS256, checked with PyJWT against a key held in memory."""

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from .models import User

PUBLIC_KEY = load_pem_public_key(settings.JWT_PUBLIC_KEY.encode())


class ClerkAuthentication(BaseAuthentication):
    def authenticate(self, request):
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            claims = jwt.decode(
                token, PUBLIC_KEY, ["RS256"], {"require": ["exp", "iat", "sub"]}, issuer=settings.JWT_ISSUER
            )
        except jwt.InvalidTokenError as error:
            raise AuthenticationFailed("The session token is not valid.") from error
        user = User.objects.filter(clerk_user_id=claims["sub"]).first()
        if user is None:
            raise AuthenticationFailed("There is no user of this session token.")
        return user, claims

    def authenticate_header(self, request):  # noqa: ARG002 - DRF's signature
        return "Bearer"
