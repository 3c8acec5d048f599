do $topic$
begin
  if to_regclass('realtime.messages') is not null then
    drop policy if exists whyviral_reads_own_topic on realtime.messages;
  end if;
end
$topic$;

alter table public.alembic_version disable row level security;

drop table
  public.analysis_status_history, public.post_analyses, public.analysis_request_posts, public.post_analysis_requests,
  public.post_comments, public.post_media, public.posts, public.platforms,
  public.subscriptions, public.plans, public.users, public.external_api_call_logs;

drop function
  private.broadcast_analysis_status(), private.current_user_id(), private.protect(regclass),
  private.ensure_log_partitions(integer), private.add_log_partition(name, timestamp);

revoke usage on schema public, private from whyviral_backend;

-- The schema and the role may be in use elsewhere: by something that is not ours, by a login role, by another database.
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
