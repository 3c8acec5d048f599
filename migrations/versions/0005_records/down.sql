drop table public.feedback, public.job_runs, public.app_logs, public.api_access_logs;

drop function private.drop_log_partitions(name, timestamptz);
