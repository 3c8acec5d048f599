"""What became of suggestions: the analyses of the posts that the user made from them."""

from .models import AnalysisRequestPost


def find_follow_ups(user, suggestions):
    """Return the user's latest analysis of each new post, in one query; in none if no suggestion is done."""
    done = [suggestion for suggestion in suggestions if suggestion.done_at]
    if not done:
        return {}
    entries = AnalysisRequestPost.objects.filter(
        request__user=user,
        request__deleted_at=None,
        post__platform__in={suggestion.new_platform for suggestion in done},
        post__platform_post_id__in={suggestion.new_platform_post_id for suggestion in done},
        measured__isnull=False,
    )
    entries = entries.select_related("post").order_by("request__created_at")
    entries = entries.only("request_id", "measured", "post__platform", "post__platform_post_id")
    return {(entry.post.platform, entry.post.platform_post_id): entry for entry in entries}


def follow_up_result(new, original):
    verdict, before = new.measured["verdict"], original["verdict"]
    ratio, ratio_before = outlier_ratio(new.measured), outlier_ratio(original)
    is_same_rule = verdict["rule"] == before["rule"]
    return {
        "request_id": new.request_id,
        "post_id": new.post_id,
        "measured_at": new.measured["measured_at"],
        "is_viral": verdict["is_viral"],
        "score": verdict["score"],
        "score_change": round(verdict["score"] - before["score"], 3) if is_same_rule else None,
        "outlier_ratio": ratio,
        "outlier_ratio_change": round(ratio / ratio_before, 3) if ratio is not None and ratio_before else None,
    }


def outlier_ratio(document):
    return next((fact["value"] for fact in document["facts"] if fact["name"] == "outlier_ratio"), None)
