select private.protect(new_table) from unnest(array[
  'public.user_usage', 'public.usage_reservations', 'public.rate_windows', 'public.idempotency_keys'
]::regclass[]) as new_table;

do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  grant select on public.user_usage, public.usage_reservations to authenticated;
  create policy owner_reads on public.user_usage for select to authenticated
    using (user_id = (select private.current_user_id()));
  create policy owner_reads on public.usage_reservations for select to authenticated
    using (user_id = (select private.current_user_id()));
end
$browser$;
