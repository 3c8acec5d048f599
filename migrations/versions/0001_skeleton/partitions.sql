-- Logs are partitioned by month (UTC). The partitions live in the schema private: the Data API does not serve it, and
-- comparing the models with the database does not meet them.

create schema if not exists private;

-- What no month was made for lands here: a log row is never refused.
create table private.external_api_call_logs_default partition of public.external_api_call_logs default;
alter table private.external_api_call_logs_default enable row level security;

-- Makes the partition of one month unless it exists, and moves into it what the default partition took meanwhile.
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
  -- Made apart and attached: reading and writing the log go on meanwhile, and attaching fails if rows stay behind.
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

-- Makes the partitions of this month and of `months_ahead` further ones, for every partitioned table of the schema
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

select private.ensure_log_partitions(3);
