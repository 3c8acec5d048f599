-- Two logs are partitioned by month (UTC). Their partitions are in the schema private, which the Data API does not serve
-- and the comparison of models and database does not read.

create schema if not exists private;

-- The default partitions take the rows of a month without a partition, so that a log row is never refused.
create table private.external_api_call_logs_default partition of public.external_api_call_logs default;
alter table private.external_api_call_logs_default enable row level security;
create table private.api_access_logs_default partition of public.api_access_logs default;
alter table private.api_access_logs_default enable row level security;

-- Creates the partition of one month unless it exists, and moves that month's rows out of the default partition.
create function private.add_log_partition(log_table name, month timestamp) returns void
language plpgsql set search_path = '' as $function$
declare
  partition_table name := log_table || to_char(month, '_YYYY_MM');
  default_table name := log_table || '_default';
  month_start timestamptz := month at time zone 'UTC';
  month_end timestamptz := (month + interval '1 month') at time zone 'UTC';
begin
  if to_regclass(format('private.%I', partition_table)) is not null then
    return;
  end if;
  -- Created separately and then attached, so that the log stays readable and writable. Attaching fails if rows for it
  -- remain in the default partition.
  execute format('create table private.%I (like public.%I including all)', partition_table, log_table);
  execute format('alter table private.%I enable row level security', partition_table);
  execute format(
    'with late as (delete from private.%I where created_at >= %L and created_at < %L returning *)'
    ' insert into private.%I select * from late',
    default_table, month_start, month_end, partition_table
  );
  execute format(
    'alter table public.%I attach partition private.%I for values from (%L) to (%L)',
    log_table, partition_table, month_start, month_end
  );
end
$function$;
revoke execute on function private.add_log_partition(name, timestamp) from public;

-- Creates the partitions of this month and of `months_ahead` further ones, for every partitioned table of the schema
-- public. Jobs call it as the backend, which may not create tables itself, hence the security definer.
create function private.ensure_log_partitions(months_ahead integer) returns void
language plpgsql security definer set search_path = '' as $function$
declare
  this_month timestamp := date_trunc('month', now() at time zone 'UTC');
begin
  if months_ahead is null or months_ahead not between 0 and 24 then
    raise exception 'months_ahead must be between 0 and 24' using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(hashtext('private.ensure_log_partitions'));
  perform private.add_log_partition(class.relname, this_month + make_interval(months => ahead))
  from pg_catalog.pg_partitioned_table as partitioned
  join pg_catalog.pg_class as class on class.oid = partitioned.partrelid
  cross join generate_series(0, months_ahead) as ahead
  where class.relnamespace = 'public'::regnamespace;
end
$function$;
revoke execute on function private.ensure_log_partitions(integer) from public;

-- Drops the partitions of a log whose months ended before a given time, and returns how many. Jobs call it as the
-- backend, which may not drop tables itself, hence the security definer. Dropping locks the whole log, so the function
-- gives up early and is called again, rather than make every request wait behind a long query.
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

select private.ensure_log_partitions(3);
