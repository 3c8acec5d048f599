-- Roles, grants and row-level security, which is on for every table: anything not allowed below is forbidden.
--   whyviral_backend  the application: data of every row, no schema changes; the deployer creates its login roles
--   authenticated     Supabase's role of signed-in browsers: reads the user's own rows and the rows they refer to
-- Neither restricts the owner of the tables, which runs the migrations.

-- Roles belong to the whole server, so another database on it may have created this one already.
do $role$
begin
  if not exists (select from pg_roles where rolname = 'whyviral_backend') then
    create role whyviral_backend nologin;
  end if;
exception
  when duplicate_object or unique_violation then null; -- created by another session since the check
end
$role$;
grant usage on schema public, private to whyviral_backend;
grant execute on function private.ensure_log_partitions(integer) to whyviral_backend;
grant execute on function private.drop_log_partitions(name, timestamptz) to whyviral_backend;

-- The id of the user in Clerk's token, unless the account is deleted or its session revoked: a token outlives a sign-out
-- by up to a minute. Null without Supabase, a token or such a user. `auth.jwt()` is called only where it exists.
create function private.current_user_id() returns uuid
language plpgsql stable security definer set search_path = '' as $function$
begin
  if to_regprocedure('auth.jwt()') is null then
    return null;
  end if;
  return (
    select users.id from public.users
    where users.clerk_user_id = auth.jwt() ->> 'sub' and users.deleted_at is null
      and not exists (
        select from public.revoked_sessions as revoked where revoked.session_id = auth.jwt() ->> 'sid'
      )
  );
end
$function$;
revoke execute on function private.current_user_id() from public;

-- Revokes what Supabase may have granted to browsers by default, and enables row-level security. Both are needed, because
-- `truncate` is not subject to row-level security.
create function private.hide_from_browsers(hidden_table regclass) returns void
language plpgsql set search_path = '' as $function$
declare
  browser_role name;
begin
  execute format('alter table %s enable row level security', hidden_table);
  for browser_role in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on %s from %I', hidden_table, browser_role);
  end loop;
end
$function$;
revoke execute on function private.hide_from_browsers(regclass) from public;

-- Every migration that creates a table must call this for it: the backend may use the table, browsers may not.
create function private.protect(new_table regclass) returns void
language plpgsql set search_path = '' as $function$
begin
  perform private.hide_from_browsers(new_table);
  execute format('grant select, insert, update, delete on %s to whyviral_backend', new_table);
  execute format(
    'create policy backend on %s as permissive for all to whyviral_backend using (true) with check (true)', new_table
  );
end
$function$;
revoke execute on function private.protect(regclass) from public;

select private.protect(new_table) from unnest(array[
  'public.users', 'public.plans', 'public.subscriptions', 'public.revoked_sessions', 'public.email_verifications',
  'public.platforms', 'public.posts', 'public.post_media', 'public.post_comments', 'public.user_post_activity',
  'public.post_analysis_requests', 'public.analysis_request_posts', 'public.post_analyses',
  'public.analysis_status_history',
  'public.rate_windows', 'public.idempotency_keys', 'public.user_usage', 'public.usage_reservations',
  'public.webhook_events', 'public.job_runs',
  'public.external_api_call_logs', 'public.provider_limits', 'public.daily_spend',
  'public.api_access_logs', 'public.authentication_logs', 'public.app_logs',
  'public.feedback'
]::regclass[]) as new_table;

-- Alembic's own table is for migrations only.
select private.hide_from_browsers('public.alembic_version');

-- The columns that a browser may read directly, through Supabase's Data API: those that our API returns, and those that
-- join them. The sub-selects make Postgres look up the user once per statement and not per row.
do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  grant execute on function private.current_user_id() to authenticated;

  grant select (
    id, email, email_verified, full_name, company_name, profile_image, is_admin, created_at
  ) on public.users to authenticated;
  grant select (
    id, slug, name, max_urls, max_handles, max_analyses_per_day, max_questions_per_day, price_cents, interval
  ) on public.plans to authenticated;
  grant select (
    id, plan_id, status, provider, current_period_start, current_period_end, downgrade_to_plan_id, downgrade_at
  ) on public.subscriptions to authenticated;
  grant select (slug, name) on public.platforms to authenticated;
  grant select (
    id, platform, url, username, author, content, language, posted_at, metrics, engagement_score, details, transcript,
    formatted_transcript, fetched_at, is_stand_in
  ) on public.posts to authenticated;
  grant select (
    id, post_id, position, kind, content_type, supabase_url, thumbnail_url, width, height, duration_s, has_speech,
    language, transcript, transcript_source, transcript_truncated
  ) on public.post_media to authenticated;
  grant select (
    id, platform, post_urls, display_name, status, progress, attempt, retry_count, max_retries, error_stage,
    error_category, results, posts_processed, total_api_calls, cost_usd, duration_seconds, created_at, updated_at
  ) on public.post_analysis_requests to authenticated;
  grant select (
    request_id, position, url, state, post_id, is_partial, error_category, error
  ) on public.analysis_request_posts to authenticated;
  grant select (
    id, request_id, post_id, metrics, is_viral, virality_reasoning, quick_takeaways, creator_context,
    content_observation, replicable_elements, viral_formula, improvements, suggestions_for_future_posts, analysis_data,
    metadata_used, created_at
  ) on public.post_analyses to authenticated;
  grant select (
    request_id, seq, attempt, stage, progress, message, cost_usd, stage_cost_usd, created_at
  ) on public.analysis_status_history to authenticated;
  grant select (
    usage_date, platform, handle_analyses, url_lookups, post_suggestions, questions_asked
  ) on public.user_usage to authenticated;

  create policy everyone_reads on public.plans for select to authenticated using (true);
  create policy everyone_reads on public.platforms for select to authenticated using (true);

  create policy owner_reads on public.users for select to authenticated
    using (id = (select private.current_user_id()));
  create policy owner_reads on public.subscriptions for select to authenticated
    using (user_id = (select private.current_user_id()));
  create policy owner_reads on public.post_analysis_requests for select to authenticated
    using (user_id = (select private.current_user_id()));
  create policy owner_reads on public.user_usage for select to authenticated
    using (user_id = (select private.current_user_id()));

  -- Policies also apply inside policies: these sub-selects find only the reader's requests, and hence their posts.
  create policy owner_reads on public.analysis_request_posts for select to authenticated
    using (exists (select from public.post_analysis_requests as request where request.id = request_id));
  create policy owner_reads on public.post_analyses for select to authenticated
    using (exists (select from public.post_analysis_requests as request where request.id = request_id));
  create policy owner_reads on public.analysis_status_history for select to authenticated
    using (exists (select from public.post_analysis_requests as request where request.id = request_id));
  create policy owner_reads on public.posts for select to authenticated
    using (exists (select from public.analysis_request_posts as asked where asked.post_id = posts.id));
  create policy owner_reads on public.post_media for select to authenticated
    using (exists (select from public.posts as post where post.id = post_id));
end
$browser$;
