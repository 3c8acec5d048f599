-- Supabase Realtime sends each step of an analysis to its user's browser as a private broadcast. This is best effort:
-- nothing is sent without Supabase, and a failed broadcast does not fail the insert.

create function private.broadcast_analysis_status() returns trigger
language plpgsql security definer set search_path = '' as $function$
begin
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null then
    return null;
  end if;
  perform realtime.send(
    jsonb_build_object(
      'request_id', new.request_id, 'seq', new.seq, 'stage', new.stage, 'progress', new.progress,
      'message', new.message
    ),
    'analysis_status',
    'user:' || users.clerk_user_id,
    true
  )
  from public.post_analysis_requests as request
  join public.users on users.id = request.user_id
  where request.id = new.request_id;
  return null;
exception
  when others then
    raise warning 'analysis status not broadcast: %', sqlerrm;
    return null;
end
$function$;
revoke execute on function private.broadcast_analysis_status() from public;

create trigger broadcast_analysis_status after insert on public.analysis_status_history
  for each row execute function private.broadcast_analysis_status();

-- A browser can join a private topic if it may read the topic's messages: those of its own user, while the account and
-- the session are valid. The token alone is not enough, because it outlives both.
do $topic$
begin
  if to_regprocedure('auth.jwt()') is null or to_regclass('realtime.messages') is null then
    return; -- not Supabase
  end if;
  create policy whyviral_reads_own_topic on realtime.messages for select to authenticated
    using (
      extension = 'broadcast'
      and (select realtime.topic()) = 'user:' || (select auth.jwt() ->> 'sub')
      and (select private.current_user_id()) is not null
    );
end
$topic$;
