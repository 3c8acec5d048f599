-- The bucket of storage.sql stays: it may hold files, which SQL must not delete.

do $topic$
begin
  if to_regclass('realtime.messages') is not null then
    drop policy if exists whyviral_reads_own_topic on realtime.messages;
  end if;
end
$topic$;

alter table public.alembic_version disable row level security;

drop table
  public.feedback,
  public.api_access_logs, public.authentication_logs, public.app_logs,
  public.external_api_call_logs, public.provider_limits, public.daily_spend,
  public.webhook_events, public.job_runs,
  public.rate_windows, public.idempotency_keys, public.user_usage, public.usage_reservations,
  public.analysis_status_history, public.post_analyses, public.analysis_request_posts, public.post_analysis_requests,
  public.user_post_activity, public.post_comments, public.post_media, public.posts, public.platforms,
  public.revoked_sessions, public.email_verifications, public.subscriptions, public.plans, public.users;

drop function
  private.broadcast_analysis_status(), private.current_user_id(),
  private.protect(regclass), private.hide_from_browsers(regclass),
  private.ensure_log_partitions(integer), private.add_log_partition(name, timestamp),
  private.drop_log_partitions(name, timestamptz);

revoke usage on schema public, private from whyviral_backend;

-- The schema and the role may be in use by objects of others, by a login role or by another database.
do $shared$
begin
  drop schema private;
exception
  when dependent_objects_still_exist or insufficient_privilege then null;
end
$shared$;

do $shared$
begin
  if not exists (
    select from pg_auth_members as membership
    join pg_roles as login on login.oid = membership.member
    join pg_roles as backend on backend.oid = membership.roleid
    where backend.rolname = 'whyviral_backend' and login.rolname <> current_user
  ) then
    drop role whyviral_backend;
  end if;
exception
  when dependent_objects_still_exist or insufficient_privilege then null;
end
$shared$;
