drop table public.daily_spend, public.provider_limits;

alter table public.post_media drop column claimed_until, drop column claimed_by;

alter table public.analysis_status_history drop column stage_cost_usd;

alter table public.analysis_request_posts drop column asked_until, drop column is_partial;

drop index public.ix_post_analysis_requests_unfinished;
alter table public.post_analysis_requests drop column attempt_started_at, drop column reserved_usd;

drop index public.ix_external_api_call_logs_job_id;
update public.external_api_call_logs set duration_ms = 0 where duration_ms is null;
alter table public.external_api_call_logs
  alter column duration_ms set not null,
  drop column job_id,
  drop column reserved_usd,
  drop column step;
