-- As in 0001: a row that no month was made for is kept all the same.
create table private.api_access_logs_default partition of public.api_access_logs default;
alter table private.api_access_logs_default enable row level security;
select private.ensure_log_partitions(3);

-- Drops the months of a log that ended before a moment, and returns how many. Jobs call it as the backend, which may not
-- drop tables itself, hence the security definer. Dropping locks the whole log: better to give up and be called again
-- than to let every request wait behind a long query.
create function private.drop_log_partitions(log_table name, before timestamptz) returns integer
language plpgsql security definer set search_path = '' set lock_timeout = '2s' as $function$
declare
  dropped integer := 0;
  partition_table name;
begin
  if before is null or before > now() then
    raise exception 'before must be a moment of the past' using errcode = 'invalid_parameter_value';
  end if;
  for partition_table in
    select class.relname
    from pg_catalog.pg_inherits as inherits
    join pg_catalog.pg_class as class on class.oid = inherits.inhrelid
    where inherits.inhparent = to_regclass(format('public.%I', log_table))
      and class.relnamespace = 'private'::regnamespace
      and class.relname ~ (log_table || '_[0-9]{4}_[0-9]{2}$')
      and (to_date(right(class.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC' <= before
  loop
    execute format('drop table private.%I', partition_table);
    dropped := dropped + 1;
  end loop;
  return dropped;
end
$function$;
revoke execute on function private.drop_log_partitions(name, timestamptz) from public;
grant execute on function private.drop_log_partitions(name, timestamptz) to whyviral_backend;
