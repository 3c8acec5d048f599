alter table public.usage_reservations drop column kind;
alter table public.analysis_request_posts
  drop column baseline_reason, drop column creator_baseline_id, drop column measured;
alter table public.post_analysis_requests drop column handle_posts, drop column handle;
drop table public.creator_baselines;
