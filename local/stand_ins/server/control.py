"""The control API, through which tests and the command line set up the stand-ins."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, HttpUrl, JsonValue, StringConstraints

from local.stand_ins.clerk.tokens import DEFAULT_LIFE_S, Algorithm, SigningKey, forge, session_claims, sign
from local.stand_ins.scenario.creators import Creator
from local.stand_ins.scenario.faults import Fault, Vendor
from local.stand_ins.scenario.limits import LimitOrder
from local.stand_ins.scenario.orders import Order
from local.stand_ins.scenario.posts import Platform, Post
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

router = APIRouter(prefix="/__control")


type Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+$", max_length=254)]


class PostName(Order):
    """The name of a post."""

    platform: Platform
    id: str


class Watch(Order):
    """A word to look for in every call."""

    word: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class KeySource(Order):
    """The options of a key rotation."""

    same_kid: bool = False
    """Whether the new key gets the old key's id."""


class ClerkUserOrder(Order):
    """A user of Clerk, who is created if new, with the password and fields to set."""

    email: Email
    password: str | None = None
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields of the User object, such as `banned`, `two_factor_enabled` or `first_name`."""


class ClerkInstanceOrder(Order):
    """Settings of the Clerk instance; omitted fields do not change."""

    is_production: bool | None = None
    webhook_url: HttpUrl | None = None
    forget_pauses: bool = False
    """Whether new codes may be sent immediately."""


type ClerkId = Annotated[str, StringConstraints(pattern=r"^[a-z]+_[A-Za-z0-9]{1,64}$")]
_HUNDRED_YEARS_S = 3_155_760_000


class TokenOrder(Order):
    """A session token to sign or to forge."""

    email: Email
    expires_in_seconds: int = Field(default=DEFAULT_LIFE_S, ge=-_HUNDRED_YEARS_S, le=_HUNDRED_YEARS_S)
    """Negative for a token that has expired."""
    session_id: ClerkId | None = None
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    """Claims that replace the default ones; null removes a claim."""
    key: Literal["current", "other"] = "current"
    """A key other than the current one makes the token a forgery, as do the two fields below."""
    kid: str | None = None
    algorithm: Algorithm = Algorithm.RS256

    @property
    def is_genuine(self) -> bool:
        """Whether the instance's key signs the token, under the key's own id."""
        return self.key == "current" and self.kid is None and self.algorithm is Algorithm.RS256


@router.get("/calls")
async def get_calls(state: State, vendor: Vendor | None = None) -> dict[str, Any]:
    """Return the calls to one vendor, or to all, since the last reset, oldest first."""
    vendors = list(Vendor) if vendor is None else [vendor]
    calls = sorted((call for each in vendors for call in state.calls[each]), key=lambda call: call.at)
    return {"count": len(calls), "calls": [asdict(call) for call in calls]}


@router.post("/faults")
async def add_fault(state: State, fault: Fault) -> Fault:
    """Make coming calls fail."""
    state.faults.add(fault.model_copy())
    return fault


@router.post("/limits")
async def set_limits(state: State, order: LimitOrder) -> LimitOrder:
    """Enforce the vendors' rate limits."""
    state.limits.order = order
    return order


@router.get("/limits")
async def get_limits(state: State) -> dict[str, Any]:
    """Return the number of 429s of each vendor since the last reset, and whether Bright Data blocks the caller."""
    return {"refused": state.limits.refused, "brightdata_is_blocked": state.limits.is_blocked}


@router.get("/faults")
async def get_faults(state: State) -> list[Fault]:
    """Return the active faults."""
    return state.faults.list_active()


@router.post("/watched")
async def watch(state: State, watch: Watch) -> Watch:
    """Record for coming calls whether their query or body contains a word, until the reset."""
    state.watched.add(watch.word)
    return watch


@router.post("/creators")
async def add_creator(state: State, creator: Creator) -> dict[str, Any]:
    """Publish a creator with invented posts; returns their ids, newest first."""
    return {"posts": [post.id for post in state.creators.put(creator)]}


@router.post("/posts")
async def add_post(state: State, post: Post) -> dict[str, str]:
    """Publish a post; replaces an earlier one with its id."""
    state.posts.put(post)
    return {"platform": post.platform, "id": post.id}


@router.post("/posts/delete")
async def delete_post(state: State, name: PostName) -> dict[str, str]:
    """Delete a post from its platform."""
    if not state.posts.delete(name.platform, name.id):
        raise Refusal(404, {"error": "there is no such post"})
    return {"platform": name.platform, "id": name.id}


@router.post("/tokens")
async def create_token(state: State, order: TokenOrder) -> dict[str, str]:
    """Create a session token for a user, who is created if new."""
    user_id: str = state.clerk.find_or_create(order.email)["id"]
    session = state.clerk.sessions.get(order.session_id or "")
    if session is None:
        session = state.clerk.create_session(user_id, session_id=order.session_id)
    elif session["user_id"] != user_id:
        raise Refusal(422, {"error": "session_id belongs to another user"})
    claims = session_claims(user_id, session["id"], expires_in_seconds=order.expires_in_seconds) | order.overrides
    claims = {name: value for name, value in claims.items() if value is not None}
    key = state.signing_key
    try:
        token = sign(key, claims) if order.is_genuine else forge(order.kid or key.kid, claims, order.algorithm)
    except TypeError as exc:  # PyJWT does not encode some claims with a wrong type
        raise Refusal(422, {"error": f"overrides: {exc}"}) from exc
    return {"token": token, "user_id": user_id, "session_id": session["id"]}


@router.post("/clerk/users")
async def put_clerk_user(state: State, order: ClerkUserOrder) -> dict[str, Any]:
    """Create or change a user of Clerk."""
    user = state.clerk.find_or_create(order.email)
    fields = dict(order.fields)
    if order.password is not None:
        state.clerk.passwords[user["id"]] = order.password
        fields["password_enabled"] = True
    return state.clerk.change(user, **fields) if fields else user


@router.post("/clerk/instance")
async def set_clerk_instance(state: State, order: ClerkInstanceOrder) -> dict[str, bool]:
    """Change settings of the Clerk instance."""
    if order.is_production is not None:
        state.clerk.is_production = order.is_production
    if order.forget_pauses:
        state.clerk.codes.clear_pauses()
    if order.webhook_url is not None:
        state.clerk_webhooks.url = str(order.webhook_url)
    return {"set": True}


@router.get("/clerk/outbox")
async def get_outbox(state: State) -> list[dict[str, Any]]:
    """Return the mails sent since the last reset, oldest first."""
    return state.clerk.codes.outbox


@router.post("/keys/rotate")
async def rotate_key(state: State, order: KeySource) -> dict[str, str]:
    """Replace Clerk's signing key, so that earlier tokens no longer verify."""
    state.signing_key = SigningKey.generate(kid=state.signing_key.kid if order.same_kid else None)
    return {"kid": state.signing_key.kid}


@router.post("/reset")
async def reset(state: State) -> dict[str, bool]:
    """Remove faults, recorded calls and added posts, and restore the defaults."""
    state.reset()
    return {"reset": True}
