select private.protect('public.user_post_activity');

do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  grant select on public.user_post_activity to authenticated;
  create policy owner_reads on public.user_post_activity for select to authenticated
    using (user_id = (select private.current_user_id()));
end
$browser$;
