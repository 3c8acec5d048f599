"""The control API: how tests and the command line steer the stand-ins."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, HttpUrl, JsonValue, StringConstraints

from local.stand_ins.clerk.tokens import DEFAULT_LIFE_S, Algorithm, SigningKey, forge, session_claims, sign
from local.stand_ins.scenario.faults import Fault, Vendor
from local.stand_ins.scenario.limits import LimitOrder
from local.stand_ins.scenario.orders import Order
from local.stand_ins.scenario.posts import Platform, Post
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

router = APIRouter(prefix="/__control")


type Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+$", max_length=254)]


class PostName(Order):
    """Which post is meant."""

    platform: Platform
    id: str


class Watch(Order):
    """A word to look for in every call."""

    word: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class KeySource(Order):
    """Whether a rotation keeps the key's id."""

    same_kid: bool = False


class ClerkUserOrder(Order):
    """A user of Clerk, created if new, and what is to be true of them."""

    email: Email
    password: str | None = None
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields of the User object, such as `banned`, `two_factor_enabled` or `first_name`."""


class ClerkInstanceOrder(Order):
    """What the instance does; a field that is left out stays as it is."""

    is_production: bool | None = None
    webhook_url: HttpUrl | None = None
    forget_pauses: bool = False
    """Whether codes may be sent again at once."""


type ClerkId = Annotated[str, StringConstraints(pattern=r"^[a-z]+_[A-Za-z0-9]{1,64}$")]
_HUNDRED_YEARS_S = 3_155_760_000


class TokenOrder(Order):
    """A session token to sign, or to forge."""

    email: Email
    expires_in_seconds: int = Field(default=DEFAULT_LIFE_S, ge=-_HUNDRED_YEARS_S, le=_HUNDRED_YEARS_S)
    """Negative: the token expired so long ago."""
    session_id: ClerkId | None = None
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    """Claims that replace the usual ones; null removes a claim."""
    key: Literal["current", "other"] = "current"
    """Any other key than the current one makes a forgery, as do the two fields below."""
    kid: str | None = None
    algorithm: Algorithm = Algorithm.RS256

    @property
    def is_genuine(self) -> bool:
        """Whether the instance's own key signs it, under its own id."""
        return self.key == "current" and self.kid is None and self.algorithm is Algorithm.RS256


@router.get("/calls")
async def get_calls(state: State, vendor: Vendor | None = None) -> dict[str, Any]:
    """Return the calls that a vendor got since the last reset, oldest first; without a vendor, those of all."""
    vendors = list(Vendor) if vendor is None else [vendor]
    calls = sorted((call for each in vendors for call in state.calls[each]), key=lambda call: call.at)
    return {"count": len(calls), "calls": [asdict(call) for call in calls]}


@router.post("/faults")
async def add_fault(state: State, fault: Fault) -> Fault:
    """Spoil the coming calls."""
    state.faults.add(fault.model_copy())
    return fault


@router.post("/limits")
async def set_limits(state: State, order: LimitOrder) -> LimitOrder:
    """Be as strict as the vendors are with those who ask too often."""
    state.limits.order = order
    return order


@router.get("/limits")
async def get_limits(state: State) -> dict[str, Any]:
    """Return how many calls each vendor has refused for haste since the last reset, and whether one blocks us."""
    return {"refused": state.limits.refused, "brightdata_is_blocked": state.limits.is_blocked}


@router.get("/faults")
async def get_faults(state: State) -> list[Fault]:
    """Return the faults that are still in force."""
    return state.faults.left()


@router.post("/watched")
async def watch(state: State, watch: Watch) -> Watch:
    """Note of the coming calls whether their query or body has a word, until the reset."""
    state.watched.add(watch.word)
    return watch


@router.post("/posts")
async def add_post(state: State, post: Post) -> dict[str, str]:
    """Publish a post, or replace the one that has its id."""
    state.posts.put(post)
    return {"platform": post.platform, "id": post.id}


@router.post("/posts/delete")
async def delete_post(state: State, name: PostName) -> dict[str, str]:
    """Take a post down, so that the platform no longer knows it."""
    if not state.posts.delete(name.platform, name.id):
        raise Refusal(404, {"error": "there is no such post"})
    return {"platform": name.platform, "id": name.id}


@router.post("/tokens")
async def create_token(state: State, order: TokenOrder) -> dict[str, str]:
    """Sign a session token for a user, who is created if new."""
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
    except TypeError as exc:  # PyJWT refuses to encode some claims of a wrong type
        raise Refusal(422, {"error": f"overrides: {exc}"}) from exc
    return {"token": token, "user_id": user_id, "session_id": session["id"]}


@router.post("/clerk/users")
async def put_clerk_user(state: State, order: ClerkUserOrder) -> dict[str, Any]:
    """Make a user what a test needs them to be."""
    user = state.clerk.find_or_create(order.email)
    fields = dict(order.fields)
    if order.password is not None:
        state.clerk.passwords[user["id"]] = order.password
        fields["password_enabled"] = True
    return state.clerk.change(user, **fields) if fields else user


@router.post("/clerk/instance")
async def set_clerk_instance(state: State, order: ClerkInstanceOrder) -> dict[str, bool]:
    """Change what the instance does."""
    if order.is_production is not None:
        state.clerk.is_production = order.is_production
    if order.forget_pauses:
        state.clerk.codes.forget_pauses()
    if order.webhook_url is not None:
        state.clerk_webhooks.url = str(order.webhook_url)
    return {"set": True}


@router.get("/clerk/outbox")
async def get_outbox(state: State) -> list[dict[str, Any]]:
    """Return the mails that were sent since the last reset, oldest first."""
    return state.clerk.codes.outbox


@router.post("/keys/rotate")
async def rotate_key(state: State, order: KeySource) -> dict[str, str]:
    """Replace Clerk's signing key; tokens signed before no longer verify."""
    state.signing_key = SigningKey.generate(kid=state.signing_key.kid if order.same_kid else None)
    return {"kid": state.signing_key.kid}


@router.post("/reset")
async def reset(state: State) -> dict[str, bool]:
    """Forget faults, calls and added posts."""
    state.reset()
    return {"reset": True}
