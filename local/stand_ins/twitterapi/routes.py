"""The API of TwitterAPI.io. Source: docs.twitterapi.io, 2026-11."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query

from local.stand_ins.scenario.posts import Platform
from local.stand_ins.scenario.refusals import Refusal, phrase
from local.stand_ins.state import StandIns, State
from local.stand_ins.twitterapi.tweets import account, account_id, replies, repost, tweet

CREDITS_PER_TWEET = 15
_CREDITS_PER_USER = 18
_PAGE_SIZE = 20
_MESSAGES = {
    401: "Invalid API key",
    402: "Credits is not enough.Please recharge",
    429: "For free-tier users, the QPS limit is one request every 5 seconds.",
}


def error_body(status: int) -> Mapping[str, Any]:
    """Return an account-level error; a used-up balance is reported as unauthorized, as by the vendor."""
    name = "Unauthorized" if status == HTTPStatus.PAYMENT_REQUIRED else phrase(status)
    return {"error": name, "message": _MESSAGES.get(status, name)}


async def _require_key(x_api_key: Annotated[str, Header()] = "") -> None:
    if x_api_key in ("", "bad-key"):
        raise Refusal(401, error_body(401))


router = APIRouter(prefix="/twitterapi", dependencies=[Depends(_require_key)])


@router.get("/twitter/tweets")
async def get_tweets(state: State, tweet_ids: str = "") -> dict[str, Any]:
    """Return the tweets that exist; unknown ids are ignored."""
    requested = list(dict.fromkeys(tweet_id for part in tweet_ids.split(",") if (tweet_id := part.strip())))
    if not requested:
        message = "tweet_ids is required"
        raise Refusal(400, {"status": "error", "msg": message, "message": message, "data": None})
    posts = [post for tweet_id in requested if (post := state.find_post(Platform.X, tweet_id))]
    state.twitterapi_credits -= CREDITS_PER_TWEET * max(1, len(posts))
    return {"tweets": [tweet(post) for post in posts], "status": "success", "msg": "success", "code": 0}


@router.get("/twitter/tweet/replies/v2")
async def get_replies(
    state: State,
    tweet_id: Annotated[str, Query(alias="tweetId")] = "",
    order: Annotated[str, Query(alias="queryType")] = "Relevance",
    cursor: str = "",
) -> dict[str, Any]:
    """Return a page of replies; pages overlap by one, and an empty page may follow the last, as at the vendor."""
    if not tweet_id:
        message = "tweetId is required"
        raise Refusal(400, {"status": "error", "msg": message, "message": message, "data": None})
    post = state.find_post(Platform.X, tweet_id)
    all_replies = replies(post, best_first=order == "Likes") if post else []
    start = int(cursor) if cursor.isdigit() else 0
    page = all_replies[start : start + _PAGE_SIZE]
    next_start = start + max(len(page) - 1, 1)
    state.twitterapi_credits -= CREDITS_PER_TWEET * max(1, len(page))
    has_next = bool(page)
    return {"tweets": page, "has_next_page": has_next, "next_cursor": str(next_start) if has_next else ""} | {
        "status": "success",
        "msg": "success",
    }


@router.get("/twitter/user/info")
async def get_user(state: State, user_name: Annotated[str, Query(alias="userName")] = "") -> dict[str, Any]:
    """Return an account; one without posts does not exist here."""
    creator = state.creators.find(Platform.X, user_name)
    posts = state.list_posts_of(Platform.X, user_name)
    if creator is not None and creator.is_gone:
        return {"status": "error", "msg": "user is suspended", "data": None}
    if not posts and creator is None:
        return {"status": "error", "msg": "user not found", "data": None}
    state.twitterapi_credits -= _CREDITS_PER_USER
    name = posts[0].username if posts else user_name
    is_private = creator is not None and creator.is_private
    return {"status": "success", "msg": "success", "data": account(name) | {"protected": is_private}}


@router.get("/twitter/user/last_tweets")
async def get_last_tweets(
    state: State,
    user_id: Annotated[str, Query(alias="userId")] = "",
    user_name: Annotated[str, Query(alias="userName")] = "",
    cursor: str = "",
) -> dict[str, Any]:
    """Return a page of an account's posts in the vendor's nested form; pages overlap by one."""
    name = user_name or _username_of(state, user_id)
    creator = state.creators.find(Platform.X, name)
    posts = state.list_posts_of(Platform.X, name)
    if creator is not None and creator.is_private:
        return {"status": "error", "msg": "user is protected", "data": None}
    if not name or (creator is None and not posts):
        return {"status": "error", "msg": "user not found", "data": None}
    start = int(cursor) if cursor.isdigit() else 0
    page = [tweet(post) for post in posts[start : start + _PAGE_SIZE]]
    if page and not start:
        page.append(repost(posts[0]))
    state.twitterapi_credits -= CREDITS_PER_TWEET * max(1, len(page))
    next_start = start + max(_PAGE_SIZE - 1, 1)
    pinned = tweet(posts[-1]) if posts and not start else None
    return {
        "status": "success",
        "code": 0,
        "msg": "success",
        "data": {"tweets": page, "pin_tweet": pinned},
        "has_next_page": bool(page),
        "next_cursor": str(next_start) if page and next_start < len(posts) else "",
    }


def _username_of(state: StandIns, user_id: str) -> str:
    """Return the name of an account by its id, which the raw data of a sample may replace."""
    shown = {str(tweet(post)["author"]["id"]): post.username for post in state.posts.on(Platform.X)}
    invented = {account_id(name): name for name in state.creators.names(Platform.X)}
    return (shown | invented).get(user_id, "")


@router.get("/oapi/my/info")
async def get_my_info(state: State) -> dict[str, int]:
    """Return the balance, from which every returned tweet is deducted."""
    return {"recharge_credits": state.twitterapi_credits}
