select private.protect(new_table) from unnest(array[
  'public.revoked_sessions', 'public.email_verifications', 'public.authentication_logs', 'public.webhook_events'
]::regclass[]) as new_table;

-- Whoever has signed out reads nothing through Supabase either, although the token itself lives on for a minute.
create or replace function private.current_user_id() returns uuid
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
