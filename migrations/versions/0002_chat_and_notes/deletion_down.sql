do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  alter policy owner_reads on public.post_analysis_requests
    using (user_id = (select private.current_user_id()));
end
$browser$;

alter table public.post_analysis_requests drop column deleted_at;
