-- Requests that their user has deleted: the row stays, because it says what was paid and counted, but no user sees it.

alter table public.post_analysis_requests add column deleted_at timestamptz;

do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  alter policy owner_reads on public.post_analysis_requests
    using (user_id = (select private.current_user_id()) and deleted_at is null);
end
$browser$;
