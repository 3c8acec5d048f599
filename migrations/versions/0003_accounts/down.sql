create or replace function private.current_user_id() returns uuid
language plpgsql stable security definer set search_path = '' as $function$
begin
  if to_regprocedure('auth.jwt()') is null then
    return null;
  end if;
  return (
    select users.id from public.users
    where users.clerk_user_id = auth.jwt() ->> 'sub' and users.deleted_at is null
  );
end
$function$;

drop table public.webhook_events, public.authentication_logs, public.email_verifications, public.revoked_sessions;

alter table public.users drop column clerk_updated_at, drop column is_named_here;
